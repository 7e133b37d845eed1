"""Counts that add up over cases: from their sums comes the value of a whole corpus."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.scorers.base import Aggregate, ScoreResult


def ngrams(tokens: Sequence[str], n: int) -> Counter[Any]:
    """How often each run of n tokens occurs."""
    return Counter(tokens) if n == 1 else Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def matches(found: Counter[Any], wanted: Counter[Any]) -> int:
    """How many both have, each counted as often as it stands in both."""
    fewer, more = (found, wanted) if len(found) <= len(wanted) else (wanted, found)
    return sum([min(times, more[gram]) for gram, times in fewer.items() if gram in more])


def corpus_level(value_of: Callable[[Sequence[int], Mapping[str, Any]], float]) -> Aggregate:
    """The value of all cases together, from the sums of the `stats` in their details; None without any.

    value_of is told what else a detail holds: how the scorer was set, the same in all of them.
    """

    def aggregate(results: Sequence[ScoreResult]) -> float | None:
        details = [result.detail for result in results if result.value is not None]
        if not details:
            return None
        return value_of([sum(column) for column in zip(*(one["stats"] for one in details), strict=True)], details[0])

    return aggregate
