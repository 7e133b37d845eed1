"""Two models on the same cases."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import bootstrap, checks, clustered, signed_rank
from experiments.stats.binomial import binomial_p, clopper_pearson, mid_p, mid_p_interval, wilson
from experiments.stats.checks import Floats, Ints
from experiments.stats.result import ComparisonResult, TestResult


@dataclass(frozen=True, kw_only=True)
class PairedDifference(ComparisonResult):
    """`se_unpaired` is what an unpaired test would use; `correlation` says how much pairing helped."""

    se_unpaired: float | None = None
    correlation: float | None = None


def mcnemar(
    b: float,
    c: float,
    *,
    method: Literal["mid-p", "exact", "chi2"] = "mid-p",
    alpha: float = 0.05,
    correction: bool = False,
) -> TestResult:
    """Are two 0/1 scores on the same cases equally often right?

    b: cases only the baseline got right; c: cases only the candidate got right (counts; the others carry no evidence).
    `estimate` is c / (b + c), one half when nothing changed, with the interval that belongs to the method: mid-p
    Clopper-Pearson, Clopper-Pearson, or Wilson. `correction` is Edwards' continuity correction of chi2.
    mid-p by default: the exact test is needlessly conservative, chi2 too bold below about 25 discordant cases
    (Fagerland, Lydersen & Laake 2013, BMC Med. Res. Methodol. 13:91).
    """
    only_baseline, only_candidate = checks.count("b", b), checks.count("c", c)
    checks.open_unit("alpha", alpha)
    n = only_baseline + only_candidate
    if method not in ("mid-p", "exact", "chi2"):
        raise ValueError(f"method must be 'mid-p', 'exact' or 'chi2', not {method!r}")
    label = f"McNemar test ({method}{' with continuity correction' if correction else ''})"
    if n == 0:
        return _undefined(alpha, label, "Both models got exactly the same cases right: there is nothing to test.")
    gap = abs(only_baseline - only_candidate) - (1 if correction else 0)
    chi2 = gap * gap / n if method == "chi2" else None
    notes: tuple[str, ...] = ()
    if chi2 is not None:
        p, (low, high) = float(special.chdtrc(1, chi2)), wilson(only_candidate / n, n, alpha)
        if n < 25:
            notes = ("Fewer than 25 discordant cases: use the mid-p or the exact test instead of chi2.",)
    elif method == "exact":
        p, (low, high) = binomial_p(only_candidate, n), clopper_pearson(only_candidate, n, alpha)
    else:
        p, (low, high) = mid_p(only_candidate, n), mid_p_interval(only_candidate, n, alpha)
    return TestResult(
        estimate=only_candidate / n,
        ci_low=low,
        ci_high=high,
        p_value=p,
        alpha=alpha,
        n=n,
        method=label,
        warnings=notes,
        statistic=chi2,
        df=None if chi2 is None else 1,
    )


def sign_test(positive: float, negative: float, *, alpha: float = 0.05) -> TestResult:
    """Do positive and negative differences occur equally often? Exact binomial test; zeros are left out before.

    positive, negative: counts. `estimate` is positive / (positive + negative) with its Clopper-Pearson interval.
    """
    plus, minus = checks.count("positive", positive), checks.count("negative", negative)
    checks.open_unit("alpha", alpha)
    method = "sign test (exact binomial)"
    n = plus + minus
    if n == 0:
        return _undefined(alpha, method, "Every difference is zero: there is nothing to test.")
    low, high = clopper_pearson(plus, n, alpha)
    return TestResult(
        estimate=plus / n,
        ci_low=low,
        ci_high=high,
        p_value=binomial_p(plus, n),
        alpha=alpha,
        n=n,
        method=method,
    )


def wilcoxon_signed_rank(differences: ArrayLike, *, alpha: float = 0.05) -> TestResult:
    """Are paired differences symmetric about zero? Statistic V, the rank sum of the positive ones.

    differences: one number per pair; zeros are dropped, as Wilcoxon did. Exact up to 50 untied differences, else
    normal with tie and continuity correction. `estimate` is the Hodges-Lehmann median of the Walsh averages with its
    test-inversion interval (Hollander, Wolfe & Chicken 2014, ch. 3). Asks for symmetry, which scores in [0, 1] rarely
    have: prefer the paired bootstrap for a mean.
    """
    values = checks.values("differences", differences)
    checks.open_unit("alpha", alpha)
    nonzero = values[values != 0]
    method = "Wilcoxon signed-rank test"
    if nonzero.size == 0:
        return _undefined(alpha, method, "Every difference is zero: there is nothing to test.")
    test = signed_rank.signed_rank(nonzero, alpha)
    notes = [f"{values.size - nonzero.size} zero differences were left out."] if nonzero.size < values.size else []
    if test.interval is None:
        notes.append(f"{nonzero.size} differences are too few for an interval at this level.")
    return TestResult(
        estimate=test.pseudomedian,
        ci_low=test.interval[0] if test.interval else None,
        ci_high=test.interval[1] if test.interval else None,
        p_value=test.p_value,
        alpha=alpha,
        n=nonzero.size,
        method=f"{method} ({'exact' if test.exact else 'normal approximation'})",
        warnings=tuple(notes),
        statistic=test.v,
    )


def paired_difference(
    baseline: ArrayLike, candidate: ArrayLike, *, clusters: ArrayLike | None = None, alpha: float = 0.05
) -> PairedDifference:
    """Mean of candidate - baseline over cases, paired t, or t by cluster when cases come in groups.

    baseline, candidate: one score per case, same order; clusters: one code per case (Miller 2024, "Adding error bars
    to evals", section 2.2 and 4.2).
    """
    before, after, codes = _pairs(baseline, candidate, clusters)
    checks.open_unit("alpha", alpha)
    gaps = after - before
    mean = float(gaps.mean())
    error = clustered.clustered_error(clustered.residuals(gaps), () if codes is None else (codes,))
    method = "paired difference of means" + ("" if codes is None else ", clustered")
    notes = () if codes is None else clustered.few_cluster_warnings(error.groups, ("cluster",))
    low = high = p = None
    if error.se is None or error.df is None:
        notes += ("One case or one cluster: there is no uncertainty to estimate.",)
    elif error.se == 0:
        notes += ("Every difference is the same, so there is no spread to build an interval or a test on.",)
    else:
        low, high = clustered.t_interval(mean, error.se, error.df, alpha)
        p = clustered.t_p_value(mean, error.se, error.df)
    return _paired_result(before, after, codes, mean, (low, high, p), error, alpha, method, notes)


def paired_bootstrap(
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    seed: int,
    resamples: int = 10_000,
    alpha: float = 0.05,
) -> PairedDifference:
    """Mean of candidate - baseline with a bias-corrected accelerated interval over resampled cases or clusters.

    The levels are widened as from normal to t, since a resample varies by (n - 1) / n too little (Hesterberg 2015,
    Am. Stat. 69:371).

    Resamples come from one generator seeded by `seed`, so the same call gives the same digits. p is the smallest level
    at which the percentile interval excludes 0, never below 1 / (resamples + 1) (Efron & Tibshirani 1993, ch. 14, 16).
    """
    before, after, codes = _pairs(baseline, candidate, clusters)
    checks.open_unit("alpha", alpha)
    checks.positive_count("resamples", resamples)
    groups = np.arange(before.size) if codes is None else codes
    sums = np.asarray(np.bincount(groups, weights=after - before), dtype=np.float64)
    sizes = np.asarray(np.bincount(groups), dtype=np.float64)
    mean = float(sums.sum() / sizes.sum())
    error = clustered.clustered_error(clustered.residuals(after - before), (groups,))
    method = f"paired bootstrap (BCa, {resamples} resamples{'' if codes is None else ' of clusters'})"
    notes = () if codes is None else clustered.few_cluster_warnings(error.groups, ("cluster",))
    if sums.size < 2 or np.ptp(sums / sizes) == 0:
        notes += ("Every case or cluster says the same, so there is nothing to resample.",)
        return _paired_result(before, after, codes, mean, (None, None, None), error, alpha, method, notes)
    means = bootstrap.resampled_means(sums, sizes, np.random.default_rng(seed), resamples)
    low, high = bootstrap.bca_interval(
        means, mean, bootstrap.jackknife_means(sums, sizes), bootstrap.expanded_alpha(sums.size, alpha)
    )
    p = bootstrap.p_value(means)
    return _paired_result(before, after, codes, mean, (min(low, mean), max(high, mean), p), error, alpha, method, notes)


def _pairs(baseline: ArrayLike, candidate: ArrayLike, clusters: ArrayLike | None) -> tuple[Floats, Floats, Ints | None]:
    before, after = checks.values("baseline", baseline), checks.values("candidate", candidate)
    if before.size != after.size:
        raise ValueError(f"candidate has {after.size} entries, expected {before.size}")
    return before, after, None if clusters is None else checks.codes("clusters", clusters, length=before.size)


def _paired_result(
    before: Floats,
    after: Floats,
    clusters: Ints | None,
    mean: float,
    inference: tuple[float | None, float | None, float | None],
    error: clustered.ClusteredError,
    alpha: float,
    method: str,
    notes: tuple[str, ...],
) -> PairedDifference:
    n = before.size
    varies = n > 1 and min(before.std(), after.std()) > 1e-100
    control = float(before.mean())
    lift, lift_low, lift_high = _relative_lift(before, after, clusters, alpha)
    return PairedDifference(
        estimate=mean,
        ci_low=inference[0],
        ci_high=inference[1],
        p_value=inference[2],
        alpha=alpha,
        n=n,
        method=method,
        warnings=notes,
        statistic=mean / error.se if error.se else None,
        df=error.df,
        se=error.se,
        control=control,
        treatment=float(after.mean()),
        relative_lift=lift,
        lift_low=lift_low,
        lift_high=lift_high,
        se_unpaired=math.sqrt((before.var(ddof=1) + after.var(ddof=1)) / n) if n > 1 else None,
        correlation=float(np.corrcoef(before, after)[0, 1]) if varies else None,
    )


def _relative_lift(
    before: Floats, after: Floats, clusters: Ints | None, alpha: float
) -> tuple[float | None, float | None, float | None]:
    """Delta method on the ratio of two correlated means, with the same clusters as the difference."""
    control = float(before.mean())
    if abs(control) <= 1e-100:  # beyond, squares underflow
        return None, None, None
    ratio = float(after.mean()) / control
    error = clustered.clustered_error((after - ratio * before) / control, () if clusters is None else (clusters,))
    if not error.se or error.df is None:
        return ratio - 1, None, None
    return ratio - 1, *clustered.t_interval(ratio - 1, error.se, error.df, alpha)


def _undefined(alpha: float, method: str, reason: str) -> TestResult:
    return TestResult(alpha=alpha, n=0, method=method, warnings=(reason,))
