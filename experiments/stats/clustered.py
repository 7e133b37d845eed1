"""Standard errors of a mean whose observations share tasks, reviewers or users."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from experiments.stats.checks import Floats, Ints

FEW_CLUSTERS = 10


@dataclass(frozen=True)
class ClusteredError:
    se: float | None
    df: float | None
    groups: tuple[int, ...]
    se_by_cluster: tuple[float | None, ...]
    se_iid: float | None
    two_way_variance: float | None


def clustered_error(residuals: Floats, clusters: tuple[Ints, ...], *, small_sample: bool = True) -> ClusteredError:
    """Sandwich error of a mean, by none, one or two crossed cluster codes.

    residuals: value - mean. Two-way: V = V1 + V2 - V12 (Cameron, Gelbach & Miller 2011, JBES 29:238), and when that is
    below the larger one-way variance, as it is when the crossed effects cancel, the larger one is used.
    small_sample multiplies each V by G/(G-1). A dimension with a single cluster says nothing and is left out.
    df = min(G) - 1.
    """
    n = residuals.size
    groups = tuple(int(codes.max()) + 1 for codes in clusters)
    used = [codes for codes, size in zip(clusters, groups, strict=True) if size > 1]
    iid = _variance(residuals, np.arange(n), n, small_sample) if n > 1 else None
    one_way = [_variance(residuals, codes, int(codes.max()) + 1, small_sample) for codes in used]
    by_cluster = iter(one_way)
    se_by_cluster = tuple(math.sqrt(next(by_cluster)) if size > 1 else None for size in groups)
    two_way = None
    if len(used) == 2:
        two_way = sum(one_way) - _crossed_variance(residuals, used[0], used[1], small_sample)
        variance: float | None = max(two_way, *one_way)
    elif used:
        variance = one_way[0]
    else:
        variance = iid if not clusters else None
    sizes = [size for size in groups if size > 1]
    df = (min(sizes) if sizes else n) - 1
    return ClusteredError(
        se=None if variance is None else math.sqrt(variance),
        df=df if variance is not None and df > 0 else None,
        groups=groups,
        se_by_cluster=se_by_cluster,
        se_iid=None if iid is None else math.sqrt(iid),
        two_way_variance=two_way,
    )


def residuals(values: Floats) -> Floats:
    """Values minus their mean, with rounding noise as exact zeros: equal values must not look like a tiny spread."""
    centred = values - values.mean()
    return np.where(np.abs(centred) <= 1e-13 * np.abs(values).max(), 0.0, centred)


def t_interval(estimate: float, se: float, df: float, alpha: float) -> tuple[float, float]:
    half = abs(float(special.stdtrit(df, alpha / 2))) * se
    return estimate - half, estimate + half


def t_p_value(difference: float, se: float, df: float) -> float | None:
    return 2 * float(special.stdtr(df, -abs(difference) / se)) if se > 0 else None


def few_cluster_warnings(groups: tuple[int, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    for size, name in zip(groups, names, strict=True):
        if size == 1:
            notes.append(f"There is only one {name}: the result says nothing about others like it.")
        elif size < FEW_CLUSTERS:
            notes.append(f"Only {size} {name}s: the interval rests on few clusters, so it is wide and rough.")
    return tuple(notes)


def _variance(residuals: Floats, codes: Ints, groups: int, small_sample: bool) -> float:
    sums = np.bincount(codes, weights=residuals, minlength=groups)
    factor = groups / (groups - 1) if small_sample else 1.0
    return float(factor * np.dot(sums, sums)) / residuals.size**2


def _crossed_variance(residuals: Floats, first: Ints, second: Ints, small_sample: bool) -> float:
    width = int(second.max()) + 1
    crossed = first * width + second
    cells = (int(first.max()) + 1) * width
    if cells > 8 * residuals.size + 1000:
        crossed = np.unique(crossed, return_inverse=True)[1]
        groups = int(crossed.max()) + 1
    else:
        groups = int(np.count_nonzero(np.bincount(crossed, minlength=cells)))
        if groups == residuals.size:  # one vote per task and reviewer, as nearly always
            crossed = np.arange(groups)
    sums = np.bincount(crossed, weights=residuals)
    factor = groups / (groups - 1) if small_sample and groups > 1 else 1.0
    return float(factor * np.dot(sums, sums)) / residuals.size**2
