"""Krippendorff's alpha: any number of raters, any gaps, four levels of measurement."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from annotations.agreement.result import (
    Agreement,
    Floats,
    check_alpha,
    lowest_agreement,
    prevalence_warnings,
    undefined,
)
from annotations.agreement.weights import Level, squared_distance

MOST_VALUES = 500


@dataclass(frozen=True)
class _Units:
    """Distinct rows of pairable counts with their multiplicities: a million units are a few dozen patterns."""

    counts: Floats
    times: Floats
    ratings: Floats
    values: Floats

    @property
    def n(self) -> int:
        return int(self.times.sum())


def krippendorff_alpha(
    ratings: ArrayLike,
    *,
    level: Level = "nominal",
    bootstrap: int = 0,
    seed: int | None = None,
    alpha: float = 0.05,
) -> Agreement:
    """1 - observed / expected disagreement over all pairs of ratings within a unit.

    ratings: raters x units, NaN where missing; at most 500 distinct values. Units with one rating are left out.
    Interval: with `bootstrap` resamples of units (needs `seed`) percentiles, otherwise t over units by Gwet's
    linearised variance, which takes the ordinal metric as fixed. p is from that variance.
    `observed` and `expected` are agreement on the scale 1 - distance / largest distance.
    Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability"; variance: Gwet 2014, ch. 5.
    """
    check_alpha(alpha)
    if bootstrap < 0:
        raise ValueError(f"bootstrap must not be negative, not {bootstrap}")
    if bootstrap and seed is None:
        raise ValueError("seed is needed for a bootstrap")
    units, left_out = _pairable(_matrix(ratings))
    method = f"Krippendorff's alpha, {level}"
    if units.n == 0:
        reason = "No unit has two ratings, so nobody can agree or disagree."
        return undefined(method=method, alpha=alpha, n=0, left_out=left_out, reason=reason)
    frequencies = units.times @ units.counts
    distance = squared_distance(level, units.values, frequencies)
    if distance.max() == 0:
        reason = "All ratings are one and the same answer, so alpha is undefined; read percent agreement."
        return undefined(method=method, alpha=alpha, n=units.n, left_out=left_out, reason=reason, observed=1.0)
    value = _alpha(units, units.times, level)
    observed, expected, se = _linearised(units, 1 - distance / distance.max())
    interval, notes = _interval(units, value, se, expected, level, bootstrap, seed, alpha)
    dominant = float(frequencies.max() / frequencies.sum())
    return Agreement(
        estimate=value,
        ci_low=interval[0],
        ci_high=interval[1],
        p_value=2 * float(special.stdtr(units.n - 1, -abs(value) / se)) if se else None,
        alpha=alpha,
        n=units.n,
        method=method + (f", {bootstrap} bootstrap resamples of units" if bootstrap else ""),
        warnings=notes + (prevalence_warnings(observed, value, dominant) if level == "nominal" else ()),
        left_out=left_out,
        observed=observed,
        expected=expected,
        se=se,
    )


def _matrix(ratings: ArrayLike) -> Floats:
    matrix = np.asarray(ratings, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"ratings must be a non-empty raters x units matrix, not of shape {matrix.shape}")
    if np.isinf(matrix).any():
        raise ValueError("ratings must not hold infinity")
    return matrix


def _pairable(matrix: Floats) -> tuple[_Units, int]:
    values, codes = _coded(matrix)
    if values.size > MOST_VALUES:
        raise ValueError(f"ratings holds {values.size} distinct values; round them to at most {MOST_VALUES}")
    q, n = values.size, matrix.shape[1]
    if q == 0:
        return _Units(np.zeros((0, 0)), np.zeros(0), np.zeros(0), values), n
    # one extra column takes the missing ratings (code q) and is cut off again
    cells = (codes + np.arange(n) * (q + 1)).ravel()
    counts = np.bincount(cells, minlength=n * (q + 1)).reshape(n, q + 1)[:, :q]
    per_unit = counts.sum(axis=1)
    kept = counts[per_unit >= 2]
    patterns, times = _patterns(kept, matrix.shape[0])
    used = patterns.sum(axis=0) > 0
    patterns = patterns[:, used]
    return _Units(patterns, times, patterns.sum(axis=1), values[used]), int(n - kept.shape[0])


def _coded(matrix: Floats) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Distinct values, ascending, and each rating's place among them; missing ratings get the place after the last."""
    missing = np.isnan(matrix)
    filled = np.where(missing, 0, matrix)
    whole = filled.astype(np.int64)
    if (whole == filled).all() and whole.min() >= 0 and whole.max() < 100_000:
        whole[missing] = whole.max() + 1
        present = np.bincount(whole.ravel(), minlength=int(whole.max()) + 1) > 0
        present[-1] = present[-1] and not missing.any()  # that last place belongs to the missing ones, if there are any
        place = np.cumsum(present) - 1
        values = np.flatnonzero(present).astype(np.float64)
        codes = place[whole]
    else:
        values, codes = np.unique(matrix, return_inverse=True)
        values = values[~np.isnan(values)]
        codes = codes.reshape(matrix.shape)
    return values, np.where(missing, values.size, codes)


def _patterns(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], raters: int) -> tuple[Floats, Floats]:
    if counts.shape[0] == 0:
        return np.zeros((0, counts.shape[1])), np.zeros(0)
    base = raters + 1
    if base ** counts.shape[1] < 2**62:  # a row is a number in base raters + 1, much faster to sort than the row
        keys = counts @ (base ** np.arange(counts.shape[1], dtype=np.int64))
        _, first, times = np.unique(keys, return_index=True, return_counts=True)
        return counts[first].astype(np.float64), times.astype(np.float64)
    rows, times = np.unique(counts, axis=0, return_counts=True)
    return rows.astype(np.float64), times.astype(np.float64)


def _alpha(units: _Units, times: Floats, level: Level) -> float:
    """Alpha with each pattern counted `times`; NaN where a resample holds one value only."""
    scale = times / (units.ratings - 1)
    frequencies = times @ units.counts
    distance = squared_distance(level, units.values, frequencies)
    coincidence = units.counts.T @ (scale[:, None] * units.counts)  # own pairs included: their distance is 0
    expected = float(frequencies @ distance @ frequencies) / float(frequencies.sum() - 1)
    return float(1 - float((coincidence * distance).sum()) / expected) if expected > 0 else math.nan


def _linearised(units: _Units, credit: Floats) -> tuple[float, float, float | None]:
    n, mean_ratings = units.n, float(units.times @ units.ratings) / units.n
    fill = 1 / float(units.times @ units.ratings)
    agreeing = (units.counts * (units.counts @ credit - 1)).sum(axis=1) / (mean_ratings * (units.ratings - 1))
    raw = float(units.times @ agreeing) / n
    observed = (1 - fill) * raw + fill
    shares = (units.times @ units.counts) / (n * mean_ratings)
    expected = float(shares @ credit @ shares)
    if n < 2:
        return observed, expected, None
    unfilled = (raw - expected) / (1 - expected)
    excess = (units.ratings - mean_ratings) / mean_ratings
    own = (agreeing - observed * excess - expected) / (1 - expected)
    chance = units.counts @ (credit @ shares) / mean_ratings - expected * excess
    own = own - 2 * (1 - unfilled) * (chance - expected) / (1 - expected)
    variance = float(units.times @ (own - unfilled) ** 2) / (n * (n - 1))
    return observed, expected, math.sqrt(variance) if variance > 1e-24 else None


def _interval(
    units: _Units,
    value: float,
    se: float | None,
    expected: float,
    level: Level,
    bootstrap: int,
    seed: int | None,
    alpha: float,
) -> tuple[tuple[float | None, float | None], tuple[str, ...]]:
    if units.n < 2 or (se is None and value < 1):
        return (None, None), (f"{units.n} units leave no spread to build an interval from.",)
    if value >= 1 - 1e-12:
        low = (lowest_agreement(units.n, alpha) - expected) / (1 - expected)
        return (max(-1.0, low), 1.0), (f"All {units.n} units agree: the lower limit is what they can prove.",)
    notes: tuple[str, ...] = ()
    if units.n < 30:
        notes = (f"Only {units.n} units with two ratings: the interval is rough.",)
    if not bootstrap:
        half = abs(float(special.stdtrit(units.n - 1, alpha / 2))) * (se or 0.0)
        return (max(-1.0, value - half), min(1.0, value + half)), notes
    draws = np.random.default_rng(seed).multinomial(units.n, units.times / units.n, size=bootstrap)
    found = np.array([_alpha(units, row.astype(np.float64), level) for row in draws])
    kept = found[~np.isnan(found)]
    if kept.size < bootstrap:
        notes += (f"{bootstrap - kept.size} of {bootstrap} resamples held one answer only and were left out.",)
    if kept.size == 0:
        return (None, None), notes
    low, high = np.quantile(kept, [alpha / 2, 1 - alpha / 2])
    return (min(float(low), value), max(float(high), value)), notes
