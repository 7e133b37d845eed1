"""How many pairs of each category a campaign draws: all, or a sample of each in its share, some of them gold."""

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.models import CampaignPlan
from experiments.reports.available_pairs import AvailablePairs, LeftOut
from experiments.reports.gold_pool import GoldPool


@dataclass(frozen=True)
class Sizes:
    """How many pairs of each category to draw. `wanted` gold pairs were registered; there may be fewer."""

    gold: dict[str, int]
    others: dict[str, int]
    wanted: int
    left_out: LeftOut

    @property
    def n_gold(self) -> int:
        return sum(self.gold.values())


def sizes(*, plan: CampaignPlan, available: AvailablePairs, pool: GoldPool) -> Sizes:
    size = min(plan.sample_size or available.n, available.n)
    wanted = gold_wanted(plan.gold_share, size, available)
    gold = quotas(pool.by_category, min(wanted, pool.n)) if wanted and pool.n else {}
    rest = {name: n - gold.get(name, 0) for name, n in available.by_category.items()}
    others = quotas(rest, size - sum(gold.values()))
    return Sizes(gold=gold, others=others, wanted=wanted, left_out=available.left_out)


def gold_wanted(share: float, size: int, available: AvailablePairs) -> int:
    """A share of the pairs that will be shown, which identical ones are not; at least one if any is asked for."""
    if not share or not available.n:
        return 0
    return max(1, round(share * size * (1 - available.identical / available.n)))


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
