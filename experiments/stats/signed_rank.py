"""Wilcoxon's signed-rank distribution and the Walsh averages its interval comes from."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from experiments.stats.checks import Floats

EXACT_UP_TO = 50
WALSH_AT_ONCE = 2_000


@dataclass(frozen=True)
class SignedRank:
    v: float
    p_value: float
    exact: bool
    pseudomedian: float
    interval: tuple[float, float] | None


def signed_rank(differences: Floats, alpha: float) -> SignedRank:
    """differences: without zeros."""
    # Here, since it takes a third of a second to load, which every process would spend.
    from scipy.stats import rankdata

    n = differences.size
    ranks = rankdata(np.abs(differences))
    v = float(ranks[differences > 0].sum())
    ties = np.unique(ranks, return_counts=True)[1]
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((ties.astype(float) ** 3 - ties).sum()) / 48
    exact = n <= EXACT_UP_TO and ties.max() == 1
    if exact:
        null = _null_distribution(n)
        p = min(1.0, 2 * float(min(null[: int(v) + 1].sum(), null[int(v) :].sum())))
        # the largest k with P(V < k) <= alpha / 2: the k-th smallest Walsh average closes the interval
        rank = int(np.searchsorted(np.cumsum(null), alpha / 2, side="right"))
    else:
        distance = max(0.0, abs(v - n * (n + 1) / 4) - 0.5)
        p = 2 * float(special.ndtr(-distance / math.sqrt(variance)))
        rank = math.floor(n * (n + 1) / 4 + float(special.ndtri(alpha / 2)) * math.sqrt(variance))
    ordered = np.sort(differences)
    averages = n * (n + 1) // 2
    middle = (_walsh(ordered, (averages + 1) // 2) + _walsh(ordered, averages // 2 + 1)) / 2
    interval = (_walsh(ordered, rank), _walsh(ordered, averages + 1 - rank)) if rank >= 1 else None
    return SignedRank(v=v, p_value=min(1.0, p), exact=bool(exact), pseudomedian=middle, interval=interval)


def _null_distribution(n: int) -> Floats:
    """P(V = v) for v = 0 .. n(n+1)/2: each rank is positive or not, by a fair coin."""
    law = np.ones(1)
    for rank in range(1, n + 1):
        grown = np.zeros(law.size + rank)
        grown[: law.size] += law / 2
        grown[rank:] += law / 2
        law = grown
    return law


def _walsh(ordered: Floats, k: int) -> float:
    """The k-th smallest of (x_i + x_j) / 2, i <= j; beyond a size found by bisection without making all of them."""
    n = ordered.size
    if n <= WALSH_AT_ONCE:
        rows, columns = np.triu_indices(n)
        return float(np.partition((ordered[rows] + ordered[columns]) / 2, k - 1)[k - 1])
    low, high = float(ordered[0]), float(ordered[-1])
    for _ in range(100):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        reach = np.searchsorted(ordered, 2 * middle - ordered, side="right")
        if np.maximum(reach - np.arange(n), 0).sum() >= k:
            high = middle
        else:
            low = middle
    return high
