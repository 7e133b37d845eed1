"""A quantile of values that units bring along in clusters, without resampling: quick also with millions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from experiments.stats import checks, quantiles


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


def error_of_share(below: NDArray[np.bool_], codes: checks.Ints, groups: int) -> float | None:
    """Of the share of values that are `below`, by clusters; None with fewer than two."""
    if groups < 2:
        return None
    sizes = np.bincount(codes, minlength=groups).astype(np.float64)
    inside = np.bincount(codes, weights=below, minlength=groups)
    share = inside.sum() / sizes.sum()
    rest = inside - share * sizes
    return float(np.sqrt(groups / (groups - 1) * (rest @ rest)) / sizes.sum())
