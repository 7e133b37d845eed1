"""Figures of a whole set that are no mean of its cases, such as corpus BLEU or perplexity, and their uncertainty."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import bootstrap, checks, clustered
from experiments.stats.checks import Floats, Ints
from experiments.stats.result import Estimate

T = TypeVar("T")
Aggregate = Callable[[Sequence[T]], float | None]

MOST_RESAMPLES, FEWEST_RESAMPLES = 1000, 200
BUDGET = 2_000_000  # results handed to the aggregate, over all resamples
GROUPS = 50


def bootstrapped_aggregate(
    results: Sequence[T], aggregate: Aggregate[T], *, clusters: ArrayLike | None = None, seed: int, alpha: float = 0.05
) -> Estimate:
    """The aggregate of all results, with a percentile interval over resampled cases or clusters of cases.

    Above 10,000 results, where too few resamples would be affordable, the interval is that of a jackknife which leaves
    out one of 50 random groups at a time, with Student's t on 49 degrees of freedom.
    Source: Koehn 2004, EMNLP (bootstrap of corpus BLEU); Kott 2001, J. Official Statistics 17:521 (delete-a-group).
    """
    checks.open_unit("alpha", alpha)
    codes = None if clusters is None else checks.codes("clusters", clusters, length=len(results))
    estimate = aggregate(results) if results else None
    units = len(results) if codes is None else int(codes.max()) + 1
    of = "cases" if codes is None else "clusters"
    if estimate is None or units < 2:
        note = "No case has a value." if estimate is None else f"One of the {of} alone says nothing about others."
        return Estimate(estimate=estimate, alpha=alpha, n=len(results), method="corpus aggregate", warnings=(note,))
    rng = np.random.default_rng(seed)
    if BUDGET // len(results) >= FEWEST_RESAMPLES:
        resamples = min(MOST_RESAMPLES, BUDGET // len(results))
        draws = resampled(results, aggregate, codes, rng, resamples)
        method = f"corpus aggregate, bootstrap of {of} ({resamples} resamples)"
        low, high = bootstrap.percentiles(draws, estimate, alpha) if draws.size else (None, None)
    else:
        method = f"corpus aggregate, jackknife by {GROUPS} groups of {of}"
        low, high = jackknifed(results, aggregate, codes, rng, estimate, alpha)
    notes = () if codes is None else clustered.few_cluster_warnings((units,), ("cluster",))
    return Estimate(
        estimate=estimate, ci_low=low, ci_high=high, alpha=alpha, n=len(results), method=method, warnings=notes
    )


def errors_in_half(method: str, *, units: int, alpha: float = 0.05) -> float:
    """How many standard errors half of an interval of this method spans: t's quantile for a jackknife, else z's.

    units: cases or clusters, as the method names them. A bootstrap's percentiles are taken for those of a normal.
    """
    if "jackknife" in method:
        return abs(float(special.stdtrit(min(GROUPS, units) - 1, alpha / 2)))
    return abs(float(special.ndtri(alpha / 2)))


def resampled(
    results: Sequence[T], aggregate: Aggregate[T], codes: Ints | None, rng: np.random.Generator, resamples: int
) -> Floats:
    members = None if codes is None else members_of(codes)
    values = []
    for _ in range(resamples):
        if members is None:
            places = rng.integers(0, len(results), size=len(results))
        else:
            places = np.concatenate([members[place] for place in rng.integers(0, len(members), size=len(members))])
        value = aggregate([results[place] for place in places.tolist()])
        if value is not None:
            values.append(value)
    return np.array(values, dtype=np.float64)


def members_of(codes: Ints) -> list[Ints]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def jackknifed(
    results: Sequence[T],
    aggregate: Aggregate[T],
    codes: Ints | None,
    rng: np.random.Generator,
    estimate: float,
    alpha: float,
) -> tuple[float, float] | tuple[None, None]:
    units = len(results) if codes is None else int(codes.max()) + 1
    of_unit = rng.permutation(units) % min(GROUPS, units)
    group = of_unit if codes is None else of_unit[codes]
    values = []
    for left_out in range(int(of_unit.max()) + 1):
        value = aggregate([results[place] for place in np.flatnonzero(group != left_out).tolist()])
        if value is None:
            return None, None
        values.append(value)
    kept = np.array(values)
    se = float(np.sqrt((kept.size - 1) / kept.size * ((kept - kept.mean()) ** 2).sum()))
    return clustered.t_interval(estimate, se, kept.size - 1, alpha)
