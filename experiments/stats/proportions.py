"""Rates: one, two, and whether the traffic was split as planned."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks
from experiments.stats.binomial import clopper_pearson, fisher_p, newcombe, wilson
from experiments.stats.lift import relative_lift
from experiments.stats.result import ComparisonResult, Estimate, TestResult


@dataclass(frozen=True, kw_only=True)
class ProportionTest(ComparisonResult):
    """`fisher_p` is given where a cell is expected to hold fewer than 5."""

    z: float | None
    fisher_p: float | None


@dataclass(frozen=True, kw_only=True)
class SrmResult(TestResult):
    """`estimate` is the share of `arm`, the arm furthest from its planned share."""

    mismatch: bool
    arm: int
    expected_share: float


def wilson_interval(successes: float, n: float, *, confidence: float = 0.95) -> Estimate:
    """A rate with Wilson's score interval (Wilson 1927; Newcombe 1998, Stat. Med. 17:857).

    successes, n: counts, 0 <= successes <= n. With n = 0 everything is None.
    Chosen because it neither leaves [0, 1] nor collapses at 0/n and n/n, as the Wald interval does.
    """
    x, total = checks.part_of("successes", successes, "n", n)
    alpha = round(1 - checks.open_unit("confidence", confidence), 12)
    method = "Wilson score interval"
    if total == 0:
        return Estimate(
            alpha=alpha,
            n=0,
            method=method,
            warnings=("Nothing was counted, so there is no rate.",),
        )
    low, high = wilson(x / total, total, alpha)
    return Estimate(
        estimate=x / total,
        ci_low=low,
        ci_high=high,
        alpha=alpha,
        n=total,
        method=method,
        warnings=_extreme_rate_warning(x, total, alpha),
    )


def clopper_pearson_interval(successes: float, n: float, *, confidence: float = 0.95) -> Estimate:
    """A rate with the exact binomial interval (Clopper & Pearson 1934): never below its level, wider than Wilson's."""
    x, total = checks.part_of("successes", successes, "n", n)
    alpha = round(1 - checks.open_unit("confidence", confidence), 12)
    checks.positive_count("n", total)
    low, high = clopper_pearson(x, total, alpha)
    return Estimate(
        estimate=x / total,
        ci_low=low,
        ci_high=high,
        alpha=alpha,
        n=total,
        method="Clopper-Pearson exact interval",
        warnings=_extreme_rate_warning(x, total, alpha),
    )


def two_proportion_test(
    control_successes: float,
    control_n: float,
    treatment_successes: float,
    treatment_n: float,
    *,
    alpha: float = 0.05,
) -> ProportionTest:
    """Treatment rate minus control rate: pooled two-sided z-test, Newcombe's hybrid score interval.

    Inputs are counts per arm. `se` is unpooled; `relative_lift` has a delta-method interval with Welch's degrees of
    freedom. Where both rates are 0 or both are 1 the test is undefined: z and p are None, the interval is still given.
    Source: Fleiss, Levin & Paik 2003 ch. 3; Newcombe 1998, Stat. Med. 17:873, method 10.
    """
    x0, n0 = checks.part_of("control_successes", control_successes, "control_n", control_n)
    x1, n1 = checks.part_of("treatment_successes", treatment_successes, "treatment_n", treatment_n)
    checks.positive_count("control_n", n0)
    checks.positive_count("treatment_n", n1)
    checks.open_unit("alpha", alpha)
    p0, p1 = x0 / n0, x1 / n1
    pooled = (x0 + x1) / (n0 + n1)
    pooled_se = math.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    z = (p1 - p0) / pooled_se if pooled_se > 0 else None
    low, high = newcombe(x0, n0, x1, n1, alpha=alpha)
    lift = relative_lift(p0, p0 * (1 - p0), n0, p1, p1 * (1 - p1), n1, alpha=alpha)
    return ProportionTest(
        estimate=p1 - p0,
        ci_low=low,
        ci_high=high,
        p_value=None if z is None else 2 * special.ndtr(-abs(z)),
        alpha=alpha,
        n=n0 + n1,
        method="two-proportion z-test (pooled), Newcombe interval",
        warnings=_two_rate_warnings(pooled, n0, n1, p0),
        statistic=z,
        z=z,
        se=math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1),
        control=p0,
        treatment=p1,
        relative_lift=lift.estimate,
        lift_low=lift.ci_low,
        lift_high=lift.ci_high,
        fisher_p=fisher_p(x0, n0, x1, n1) if _small_cell(pooled, n0, n1) else None,
    )


def srm_test(counts: ArrayLike, weights: ArrayLike, *, alpha: float = 0.001) -> SrmResult:
    """Sample ratio mismatch: chi-square of the units seen per arm against the planned shares.

    counts: units per arm; weights: planned shares (any positive scale). With p < alpha no verdict may be given,
    since whatever lost the units may have lost them selectively (Fabijan et al. 2019, KDD; Kohavi, Tang & Xu, ch. 21).
    """
    observed, planned = checks.values("counts", counts), checks.values("weights", weights)
    if observed.size < 2 or observed.size != planned.size:
        raise ValueError(f"weights has {planned.size} entries for {observed.size} counts; at least two arms are needed")
    if (observed < 0).any() or (observed != np.round(observed)).any():
        raise ValueError("counts must be whole numbers of at least 0")
    if (planned <= 0).any():
        raise ValueError("weights must be greater than 0")
    checks.open_unit("alpha", alpha)
    total, shares = int(observed.sum()), planned / planned.sum()
    if total == 0:
        raise ValueError("counts must not all be 0")
    expected = total * shares
    chi2 = float(((observed - expected) ** 2 / expected).sum())
    p = float(special.chdtrc(observed.size - 1, chi2))
    arm = int(np.argmax(np.abs(observed - expected) / np.sqrt(expected * (1 - shares))))
    arm = observed.size - 1 if observed.size == 2 else arm  # of two arms both are as far off: name the treatment
    low, high = wilson(observed[arm] / total, total, alpha)
    return SrmResult(
        estimate=observed[arm] / total,
        ci_low=low,
        ci_high=high,
        p_value=p,
        alpha=alpha,
        n=total,
        method="chi-square test of the planned split",
        warnings=_srm_warnings(p, alpha, float(expected.min())),
        statistic=chi2,
        df=observed.size - 1,
        mismatch=p < alpha,
        arm=arm,
        expected_share=float(shares[arm]),
    )


def _extreme_rate_warning(x: int, n: int, alpha: float) -> tuple[str, ...]:
    if 0 < x < n:
        return ()
    bound = alpha ** (1 / n)
    shown = f"at least {bound:.1%}" if x == n else f"at most {1 - bound:.1%}"
    return (f"{x} of {n} proves only {shown} ({1 - alpha:.0%}, one-sided), not {'all' if x else 'none'}.",)


def _two_rate_warnings(pooled: float, n0: int, n1: int, control: float) -> tuple[str, ...]:
    notes = []
    if pooled in (0.0, 1.0):
        notes.append("Both rates are the same and extreme, so the z-test is undefined; only the interval can be read.")
    elif _small_cell(pooled, n0, n1):
        notes.append("Fewer than 5 expected in a cell: read Fisher's exact p-value rather than z.")
    if control == 0:
        notes.append("The control rate is 0, so there is no relative lift.")
    return tuple(notes)


def _small_cell(pooled: float, n0: int, n1: int) -> bool:
    return min(pooled, 1 - pooled) * min(n0, n1) < 5


def _srm_warnings(p: float, alpha: float, smallest_expected: float) -> tuple[str, ...]:
    notes = []
    if p < alpha:
        notes.append(
            f"Sample ratio mismatch (p = {p:.2g}): the traffic is not split as planned. "
            "No verdict is given until the cause is found."
        )
    if smallest_expected < 5:
        notes.append("Fewer than 5 units expected in an arm: the chi-square p-value is rough.")
    return tuple(notes)
