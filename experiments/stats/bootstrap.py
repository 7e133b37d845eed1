"""Resampling cases or clusters of cases: means, and the bias-corrected accelerated interval."""

import numpy as np
from scipy import special

from experiments.stats.checks import Floats


def resampled_means(sums: Floats, sizes: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    means = np.empty(resamples)
    groups = sums.size
    block = max(1, 4_000_000 // groups)  # about 32 MB of draws at a time
    for start in range(0, resamples, block):
        draws = rng.integers(0, groups, size=(min(block, resamples - start), groups))
        means[start : start + block] = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    return means


def jackknife_means(sums: Floats, sizes: Floats) -> Floats:
    rest = sizes.sum() - sizes
    return np.asarray((sums.sum() - sums) / rest)


def expanded_alpha(n: int, alpha: float) -> float:
    """The level at which a normal interval is as wide as t's, times sqrt(n / (n - 1))."""
    return 2 * float(special.ndtr(np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, alpha / 2)))


def bca_interval(means: Floats, observed: float, jackknifed: Floats, alpha: float) -> tuple[float, float]:
    below = (np.count_nonzero(means < observed) + np.count_nonzero(means == observed) / 2) / means.size
    half = 0.5 / means.size
    bias = float(special.ndtri(min(1 - half, max(half, below))))
    pull = jackknifed.mean() - jackknifed
    skew = float((pull**3).sum() / (6 * (pull**2).sum() ** 1.5))
    tails = special.ndtri(np.array([alpha / 2, 1 - alpha / 2]))
    levels = special.ndtr(bias + (bias + tails) / (1 - skew * (bias + tails)))
    low, high = np.quantile(means, levels)
    return float(low), float(high)


def percentiles(draws: Floats, observed: float, alpha: float) -> tuple[float, float]:
    """Percentile interval, which holds the estimate even where resamples are lumpy."""
    low, high = np.quantile(draws, [alpha / 2, 1 - alpha / 2])
    return min(float(low), observed), max(float(high), observed)


def p_value(draws: Floats) -> float:
    """Smallest level whose percentile interval excludes 0, never below 1 / (resamples + 1)."""
    tail = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (tail + 1) / (draws.size + 1))
