"""Which calls made stand for which calls expected."""

from collections.abc import Callable, Sequence

Problem = Callable[[int, int], str]
"""Why the call expected is not the call made (by their places), empty where it is."""


def any_order(n_expected: int, n_made: int, problem: Problem) -> list[int | None]:
    """For each call expected the place of its own call made, None where there is none left.

    The largest matching there is (augmenting paths, Kuhn 1955), so that a vague expectation never takes the only call
    that a strict one would accept.
    """
    fits = [[made for made in range(n_made) if not problem(expected, made)] for expected in range(n_expected)]
    holder: dict[int, int] = {}

    def place(expected: int, tried: set[int]) -> bool:
        for made in fits[expected]:
            if made not in tried:
                tried.add(made)
                if made not in holder or place(holder[made], tried):
                    holder[made] = expected
                    return True
        return False

    for expected in range(n_expected):
        place(expected, set())
    found = {expected: made for made, expected in holder.items()}
    return [found.get(expected) for expected in range(n_expected)]


def same_order(n_expected: int, n_made: int, problem: Problem) -> list[int | None]:
    """The same where calls must come in the order expected; each takes the first that fits after the one before."""
    found: list[int | None] = []
    at = 0
    for expected in range(n_expected):
        taken = next((made for made in range(at, n_made) if not problem(expected, made)), None)
        at = at if taken is None else taken + 1
        found.append(taken)
    return found


def unmatched(found: Sequence[int | None]) -> list[int]:
    return [expected for expected, made in enumerate(found) if made is None]
