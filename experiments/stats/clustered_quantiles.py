"""A quantile of values that units bring along in clusters, without resampling: quick also with millions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from experiments.stats import checks, quantiles

# A stratum with fewer values than these on one side of the quantile does not know its own error.
FEW = 20


@dataclass(frozen=True, kw_only=True)
class ClusteredQuantile:
    """value: the ceil(q n)-th smallest; se: None where the values prove no bound on both sides."""

    value: float
    se: float | None
    n: int
    clusters: int


def clustered_quantile(values: ArrayLike, clusters: ArrayLike, q: float, *, alpha: float = 0.05) -> ClusteredQuantile:
    """The q-quantile of all values, with a standard error that knows which values share a cluster (a user, say).

    values: one number per observation; clusters: one code per observation. The share of values up to the quantile is a
    ratio of sums over clusters, so its error is the delta method's; the values at q minus and plus that error's
    interval bound the quantile, and half their distance over z is the error.
    Source: Woodruff 1952, JASA 47:635; Deng, Knoblich & Lu 2018, KDD, section 4.2.
    """
    numbers = checks.values("values", values)
    codes = checks.codes("clusters", clusters, length=numbers.size)
    checks.open_unit("q", q)
    z = abs(float(special.ndtri(checks.open_unit("alpha", alpha) / 2)))
    order = np.sort(numbers)
    found = float(order[quantiles.rank(order.size, q) - 1])
    groups = int(codes.max()) + 1
    share_error = error_of_share(numbers <= found, codes, groups)
    if share_error is None or groups < quantiles.needed_for_bound(q):
        return ClusteredQuantile(value=found, se=None, n=order.size, clusters=groups)
    low, high = q - z * share_error, q + z * share_error
    if low <= 0 or high >= 1:
        return ClusteredQuantile(value=found, se=None, n=order.size, clusters=groups)
    ends = [float(order[quantiles.rank(order.size, at) - 1]) for at in (low, high)]
    return ClusteredQuantile(value=found, se=(ends[1] - ends[0]) / (2 * z), n=order.size, clusters=groups)


def stratified_quantile(
    strata: Sequence[tuple[ArrayLike, ArrayLike]], weights: Sequence[float], q: float, *, alpha: float = 0.05
) -> ClusteredQuantile:
    """The q-quantile of strata mixed in the proportions of `weights`, whatever number of values each has.

    strata: values and their cluster codes. Where its shares up to a value, weighted, reach q. Two arms that met days
    in different numbers are comparable by it, as their means are by direct standardisation. The error of the weighted
    share adds up over strata; one with fewer than 20 values on a side has at least the binomial error of its clusters.
    se: None where the strata, weighted, tell less than the clusters that prove a bound.
    Source: Woodruff 1952, JASA 47:635 (stratified samples); Francisco & Fuller 1991, Ann. Stat. 19:454.
    """
    checks.open_unit("q", q)
    z = abs(float(special.ndtri(checks.open_unit("alpha", alpha) / 2)))
    if len(strata) != len(weights) or not strata:
        raise ValueError(f"weights has {len(weights)} entries for {len(strata)} strata")
    shares = [checks.positive("weights", weight) / sum(weights) for weight in weights]
    parts = []
    for values, clusters in strata:
        numbers = checks.values("values", values)
        parts.append((numbers, checks.codes("clusters", clusters, length=numbers.size)))
    every = np.concatenate([numbers for numbers, _ in parts])
    weight = np.concatenate(
        [np.full(numbers.size, share / numbers.size) for share, (numbers, _) in zip(shares, parts, strict=True)]
    )
    order = np.argsort(every, kind="stable")
    ordered, reached = every[order], np.cumsum(weight[order])

    def at(share: float) -> float:
        place = int(np.searchsorted(reached, share - 1e-9))
        return float(ordered[min(place, ordered.size - 1)])

    found = at(q)
    groups = [int(codes.max()) + 1 for _, codes in parts]
    errors = [
        error_in_stratum(numbers <= found, codes, n, q) for (numbers, codes), n in zip(parts, groups, strict=True)
    ]
    told = 1 / sum(share**2 / n for share, n in zip(shares, groups, strict=True))
    known = [one for one in errors if one is not None]
    error = math.sqrt(sum((share * one) ** 2 for share, one in zip(shares, known, strict=False)))
    low, high = q - z * error, q + z * error
    if len(known) < len(errors) or told < quantiles.needed_for_bound(q) or low <= 0 or high >= 1:
        se = None
    else:
        se = (at(high) - at(low)) / (2 * z)
    return ClusteredQuantile(value=found, se=se, n=every.size, clusters=sum(groups))


def error_in_stratum(below: NDArray[np.bool_], codes: checks.Ints, groups: int, q: float) -> float | None:
    own, inside = error_of_share(below, codes, groups), int(np.count_nonzero(below))
    if own is None or min(inside, below.size - inside) >= FEW:
        return own
    return max(own, math.sqrt(q * (1 - q) / groups))


def error_of_share(below: NDArray[np.bool_], codes: checks.Ints, groups: int) -> float | None:
    """Of the share of values that are `below`, by clusters; None with fewer than two."""
    if groups < 2:
        return None
    sizes = np.bincount(codes, minlength=groups).astype(np.float64)
    inside = np.bincount(codes, weights=below, minlength=groups)
    share = inside.sum() / sizes.sum()
    rest = inside - share * sizes
    return float(np.sqrt(groups / (groups - 1) * (rest @ rest)) / sizes.sum())
