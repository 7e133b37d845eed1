"""Which pairs a campaign looks at: all, or a seeded sample in which each category keeps its share."""

from collections.abc import Mapping


def quotas(by_category: Mapping[str, int], size: int) -> dict[str, int]:
    """How many pairs of each category make a sample of `size`: proportional, by largest remainder."""
    total = sum(by_category.values())
    if size >= total:
        return dict(by_category)
    shares = {name: count * size for name, count in by_category.items()}
    found = {name: share // total for name, share in shares.items()}
    remainders = sorted(by_category, key=lambda name: (-(shares[name] % total), name))
    for name in remainders[: size - sum(found.values())]:
        found[name] += 1
    return found
