"""Is the candidate at most a margin worse than the baseline on the same cases?"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks
from experiments.stats.paired import PairedDifference, paired_difference
from experiments.stats.paired_rates import paired_rate_difference, shift_z, table_of
from experiments.stats.result import Estimate

Verdict = Literal["no regression shown", "regression shown", "undecided"]
Inference = tuple[float | None, float | None, float | None, float | None]  # estimate, low, high, one-sided p


@dataclass(frozen=True, kw_only=True)
class NonInferiority(Estimate):
    """`estimate` is the difference, or the relative change where `relative`; p is one-sided against -margin.

    "no regression shown": the whole interval lies above -margin. "regression shown": all of it lies below.
    `point_holds` is the plain rule without uncertainty. `needed` is how many cases show no regression with this power
    if there is none; `more` how many are missing, None where the verdict stands or nothing can be said.
    """

    margin: float
    relative: bool
    verdict: Verdict
    point_holds: bool | None
    needed: int | None
    more: int | None


def non_inferior_rates(
    both: float,
    only_baseline: float,
    only_candidate: float,
    neither: float,
    *,
    margin: float,
    relative: bool = False,
    alpha: float = 0.05,
    power: float = 0.8,
) -> NonInferiority:
    """For right and wrong on the same cases: Tango's score interval and test; relative, by the delta method.

    margin: largest accepted loss, absolute (0.05 is five points) or a share of the baseline's rate. Where no case
    changed, or the candidate got none right, the delta method has no spread: there Tango's are taken, over that rate.
    """
    a, b, c, d = table_of(both, only_baseline, only_candidate, neither)
    if relative and a + b and not c and not (a and b):
        return over_known_rate((a, b, c, d), margin, alpha, power)
    if relative:
        cells = np.array([a, b, c, d])
        before, after = np.repeat([1.0, 1.0, 0.0, 0.0], cells), np.repeat([1.0, 0.0, 1.0, 0.0], cells)
        return non_inferior_means(before, after, margin=margin, relative=True, alpha=alpha, power=power)
    checks.open_unit("margin", margin)
    difference = paired_rate_difference(a, b, c, d, alpha=alpha)
    n = difference.n
    z = shift_z(a, b, c, d, -margin)
    # One discordant case is added, so that a table without any does not promise to need none.
    variance = (b + c + 1) / (n + 2)
    return judged(
        (
            difference.estimate,
            difference.ci_low,
            difference.ci_high,
            None if z is None else float(special.ndtr(-z)),
        ),
        margin=margin,
        relative=False,
        n=n,
        sd=math.sqrt(variance),
        scale=1.0,
        alpha=alpha,
        power=power,
        method="non-inferiority of paired rates (Tango's score test)",
        warnings=difference.warnings if n == 0 else (),
    )


def over_known_rate(table: tuple[int, int, int, int], margin: float, alpha: float, power: float) -> NonInferiority:
    """Of a relative margin. The baseline's rate is taken as known: what is uncertain is how much of it is lost."""
    checks.positive("margin", margin)
    difference = paired_rate_difference(*table, alpha=alpha)
    both, only_baseline, only_candidate, _ = table
    n, rate = difference.n, (both + only_baseline) / sum(table)
    estimate, low, high = (
        None if value is None else max(-1.0, value / rate)
        for value in (difference.estimate, difference.ci_low, difference.ci_high)
    )
    z = shift_z(*table, -margin * rate) if margin * rate < 1 else None
    return judged(
        (estimate, low, high, None if z is None else float(special.ndtr(-z))),
        margin=margin,
        relative=True,
        n=n,
        sd=math.sqrt((only_baseline + only_candidate + 1) / (n + 2)),
        scale=rate,
        alpha=alpha,
        power=power,
        method="non-inferiority, Tango's score test over the baseline's rate",
        warnings=("The relative change has no spread here, so the baseline's rate is taken as known.",),
    )


def non_inferior_means(
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    margin: float,
    relative: bool = False,
    clusters: ArrayLike | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
) -> NonInferiority:
    """For any scores on the same cases, higher better: paired t, by cluster where cases come in groups.

    margin: absolute, in units of the score, or a share of the baseline's mean (delta method on the ratio).
    """
    checks.positive("margin", margin)
    paired = paired_difference(baseline, candidate, clusters=clusters, alpha=alpha)
    gaps = np.asarray(candidate, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    control = abs(paired.control or 0.0)
    without_ratio = relative and paired.relative_lift is None
    return judged(
        lift_of(paired, margin) if relative else difference_of(paired, margin),
        margin=margin,
        relative=relative,
        n=paired.n,
        sd=math.sqrt(float(gaps.var(ddof=1)) * design_effect(gaps, paired)) if gaps.size > 1 else 0.0,
        scale=control if relative else 1.0,
        alpha=alpha,
        power=power,
        method=f"non-inferiority, {'relative change by the delta method' if relative else paired.method}",
        warnings=paired.warnings + (("The baseline is 0, so there is no relative change.",) if without_ratio else ()),
    )


def difference_of(paired: PairedDifference, margin: float) -> Inference:
    p = None
    if paired.estimate is not None and paired.se and paired.df is not None:
        p = float(special.stdtr(paired.df, -(paired.estimate + margin) / paired.se))
    return paired.estimate, paired.ci_low, paired.ci_high, p


def lift_of(paired: PairedDifference, margin: float) -> Inference:
    lift, low, high = paired.relative_lift, paired.lift_low, paired.lift_high
    p = None
    if lift is not None and low is not None and paired.df is not None and lift > low:
        se = (lift - low) / abs(float(special.stdtrit(paired.df, paired.alpha / 2)))
        p = float(special.stdtr(paired.df, -(lift + margin) / se))
    return lift, low, high, p


def design_effect(gaps: np.ndarray[tuple[int], np.dtype[np.float64]], paired: PairedDifference) -> float:
    """How much larger clusters make the variance of the mean."""
    iid = float(gaps.var(ddof=1)) / gaps.size
    return max(1.0, paired.se**2 / iid) if paired.se and iid > 0 else 1.0


def judged(
    inference: Inference,
    *,
    margin: float,
    relative: bool,
    n: int,
    sd: float,
    scale: float,
    alpha: float,
    power: float,
    method: str,
    warnings: tuple[str, ...],
) -> NonInferiority:
    estimate, low, high, p = inference
    verdict: Verdict = "undecided"
    if low is not None and low > -margin:
        verdict = "no regression shown"
    elif high is not None and high < -margin:
        verdict = "regression shown"
    needed = cases_needed(margin * scale, sd, alpha=alpha, power=power)
    more = missing(estimate, margin, sd, scale, n, needed, alpha, power) if verdict == "undecided" else None
    return NonInferiority(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        p_value=p,
        alpha=alpha,
        n=n,
        method=method,
        warnings=warnings,
        margin=margin,
        relative=relative,
        verdict=verdict,
        point_holds=None if estimate is None else estimate >= -margin,
        needed=needed,
        more=more,
    )


def cases_needed(gap: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Cases whose mean difference, with this spread, is told from one `gap` away (normal approximation)."""
    checks.open_unit("alpha", alpha)
    checks.open_unit("power", power)
    if sd <= 0 or abs(gap) < 1e-12:
        return None
    z = float(special.ndtri(1 - alpha / 2)) + float(special.ndtri(power))
    return max(1, math.ceil((z * sd / gap) ** 2 - 1e-9))


def missing(
    estimate: float | None,
    margin: float,
    sd: float,
    scale: float,
    n: int,
    needed: int | None,
    alpha: float,
    power: float,
) -> int | None:
    """Cases missing to what the margin needs; where as many are there, to what the difference seen would need."""
    if needed is None or needed > n or estimate is None:
        return None if needed is None else needed - n
    at_this_difference = cases_needed((estimate + margin) * scale, sd, alpha=alpha, power=power)
    return None if at_this_difference is None else max(1, at_this_difference - n)
