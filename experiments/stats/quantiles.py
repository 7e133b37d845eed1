"""Order statistics: what n values prove about a quantile, and resampling one without resampling the data."""

import math
from dataclasses import dataclass

import numpy as np

from experiments.stats import checks
from experiments.stats.checks import Floats, Ints
from experiments.stats.result import Estimate


@dataclass(frozen=True)
class RankInterval:
    """1-based order statistics around a quantile; None where no order statistic reaches that far."""

    lower_rank: int | None
    upper_rank: int | None
    coverage: float


def rank(n: int, q: float) -> int:
    """Which order statistic the q-quantile of n values is (1-based)."""
    return max(1, math.ceil(q * n - 1e-9))


def value(values: Floats, q: float) -> float:
    place = rank(values.size, q) - 1
    return float(np.partition(values, place)[place])


def rank_interval(n: int, q: float, *, confidence: float = 0.95) -> RankInterval:
    """Order statistics that enclose the q-quantile whatever the distribution (Conover 1999, section 3.2)."""
    # Here, since it takes a third of a second to load, which every process would spend.
    from scipy import stats

    checks.positive_count("n", n)
    checks.open_unit("q", q)
    alpha = 1 - checks.open_unit("confidence", confidence)
    below = stats.binom(n, q)
    lower, upper = int(below.ppf(alpha / 2)), int(below.ppf(1 - alpha / 2)) + 1
    covered = float(below.cdf(upper - 1) - below.cdf(lower - 1))
    return RankInterval(lower if lower >= 1 else None, upper if upper <= n else None, covered)


def needed_for_bound(q: float, *, confidence: float = 0.95) -> int:
    """Fewest values whose extreme bounds the q-quantile from outside: 299 for p99, 59 for p95, 5 for the median."""
    checks.open_unit("q", q)
    outer = max(q, 1 - q)
    return math.ceil(math.log(1 - checks.open_unit("confidence", confidence)) / math.log(outer))


def resampled(values: Floats, clusters: Ints | None, q: float, rng: np.random.Generator, resamples: int) -> Floats:
    """The q-quantile of each bootstrap resample of values, or of whole clusters of values."""
    ordered = np.sort(values)
    n = ordered.size
    if clusters is None:
        k = rank(n, q)
        # the k-th smallest of n uniform draws is Beta(k, n - k + 1); the resample's k-th value sits at that share
        places = np.minimum((rng.beta(k, n - k + 1, size=resamples) * n).astype(np.int64), n - 1)
        return ordered[places]
    groups = int(clusters.max()) + 1
    owner = clusters[np.argsort(values, kind="stable")]
    found = np.empty(resamples)
    for index in range(resamples):
        times = np.bincount(rng.integers(0, groups, size=groups), minlength=groups)
        reached = np.cumsum(times[owner])
        found[index] = ordered[np.searchsorted(reached, rank(int(reached[-1]), q))]
    return found


def quantile_interval(values: Floats, q: float, *, confidence: float = 0.95) -> Estimate:
    """The q-quantile, which is the ceil(q n)-th smallest value, between order statistics (see `rank_interval`).

    An end that no order statistic reaches is None, with the reason.
    """
    numbers = np.sort(checks.values("values", values))
    found = rank_interval(numbers.size, q, confidence=confidence)
    low = None if found.lower_rank is None else float(numbers[found.lower_rank - 1])
    high = None if found.upper_rank is None else float(numbers[found.upper_rank - 1])
    needed = needed_for_bound(q, confidence=(1 + confidence) / 2)
    return Estimate(
        estimate=float(numbers[rank(numbers.size, q) - 1]),
        ci_low=low,
        ci_high=high,
        alpha=round(1 - confidence, 12),
        n=numbers.size,
        method=f"p{100 * q:g}, interval between order statistics",
        warnings=()
        if low is not None and high is not None
        else (f"p{100 * q:g} is bounded on both sides by {needed} values or more.",),
    )
