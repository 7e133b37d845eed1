"""Two models on the same cases by a figure that is no mean of them, such as corpus BLEU or perplexity."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import aggregates, bootstrap, checks
from experiments.stats.aggregates import Aggregate
from experiments.stats.result import ComparisonResult

T = TypeVar("T")


def paired_aggregate_difference(
    baseline: Sequence[T],
    candidate: Sequence[T],
    aggregate: Aggregate[T],
    *,
    clusters: ArrayLike | None = None,
    seed: int,
    alpha: float = 0.05,
) -> ComparisonResult:
    """aggregate(candidate) - aggregate(baseline), resampling cases or clusters of cases, both models' together.

    baseline, candidate: one result per case, same order. Percentile interval and p of a paired bootstrap; above 10,000
    cases a jackknife by 50 random groups with t on 49 degrees of freedom, as for one run (`aggregates`).
    Source: Koehn 2004, EMNLP, section 4; Kott 2001, J. Official Statistics 17:521.
    """
    if len(baseline) != len(candidate):
        raise ValueError(f"candidate has {len(candidate)} entries, expected {len(baseline)}")
    checks.open_unit("alpha", alpha)
    pairs = list(zip(baseline, candidate, strict=True))
    codes = None if clusters is None else checks.codes("clusters", clusters, length=len(pairs))

    def difference(chosen: Sequence[tuple[T, T]]) -> float | None:
        before, after = aggregate([one for one, _ in chosen]), aggregate([other for _, other in chosen])
        return None if before is None or after is None else after - before

    before, after = (aggregate(side) if side else None for side in (baseline, candidate))
    of = "cases" if codes is None else "clusters"
    units = len(pairs) if codes is None else int(codes.max()) + 1
    low = high = p = None
    notes: tuple[str, ...] = ()
    method = f"difference of corpus aggregates, paired bootstrap of {of}"
    if before is None or after is None or units < 2:
        notes = ("There are too few cases with a value to resample.",)
    elif aggregates.BUDGET // (2 * len(pairs)) >= aggregates.FEWEST_RESAMPLES:
        resamples = min(aggregates.MOST_RESAMPLES, aggregates.BUDGET // (2 * len(pairs)))
        draws = aggregates.resampled(pairs, difference, codes, np.random.default_rng(seed), resamples)
        method += f" ({resamples} resamples)"
        if draws.size and np.ptp(draws) > 0:
            low, high = bootstrap.percentiles(draws, after - before, alpha)
            p = bootstrap.p_value(draws)
        else:
            notes = ("Every resample says the same, so there is nothing to test.",)
    else:
        method = f"difference of corpus aggregates, paired jackknife by {aggregates.GROUPS} groups of {of}"
        rng = np.random.default_rng(seed)
        low, high = aggregates.jackknifed(pairs, difference, codes, rng, after - before, alpha)
        p = p_of_interval(low, high, min(aggregates.GROUPS, units) - 1, alpha)
    return ComparisonResult(
        estimate=None if before is None or after is None else after - before,
        ci_low=low,
        ci_high=high,
        p_value=p,
        alpha=alpha,
        n=len(pairs),
        method=method,
        warnings=notes,
        control=before,
        treatment=after,
    )


def p_of_interval(low: float | None, high: float | None, df: float, alpha: float) -> float | None:
    """The p-value that belongs to a symmetric t interval."""
    if low is None or high is None or high <= low:
        return None
    se = (high - low) / 2 / abs(float(special.stdtrit(df, alpha / 2)))
    return 2 * float(special.stdtr(df, -abs((high + low) / 2) / se))
