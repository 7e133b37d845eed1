"""Treatment against control of one metric: from cells per phase to an estimate with its error, at any level."""

import math
from dataclasses import dataclass, replace

from scipy import special

from experiments import routing
from experiments.live_plan import Metric
from experiments.reports.live.cells import Cell, Strata, Stratum, together
from experiments.stats import clustered, means
from experiments.stats.lift import relative_lift
from experiments.stats.means import CupedSums, welch_t_test
from experiments.stats.proportions import two_proportion_test
from experiments.stats.result import ComparisonResult
from experiments.stats.skewness import Sample, skewness_of_difference

DROPPED = "{n:,} units of a phase of the split in which an arm has fewer than two are left out."
STRATIFIED = "{method}, within each of {k} phases of the split"
FEW = 2
FEW_HITS = 20


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """`result` holds at the level it was asked for. v0, v1: squared errors of control's and treatment's value.

    reduction: share of the variance that the covariate took away. uncapped: the difference without the cap.
    skewness: of the difference itself, for means and ratios; None where nothing varies, and for all else.
    information: of the units within phases, as so many units of two even arms.
    """

    result: ComparisonResult
    v0: float
    v1: float
    n0: int
    n1: int
    reduction: float | None = None
    uncapped: float | None = None
    capped: int = 0
    skewness: float | None = None
    information: float = 0.0

    @property
    def relative_se(self) -> float | None:
        """Of the relative difference, by the delta method."""
        control, treatment = self.result.control, self.result.treatment
        if not control or treatment is None:
            return None
        return math.sqrt(self.v1 + self.v0 * (treatment / control) ** 2) / abs(control)


def contrast(metric: Metric, strata: Strata, *, alpha: float) -> Contrast | None:
    """None where an arm has no unit. Quantiles have their own module: they need every value."""
    usable = tuple(one for one in strata if min(one.control.n, one.treatment.n) >= FEW)
    dropped = sum(one.n for one in strata) - sum(one.n for one in usable)
    if not usable:
        usable, dropped = tuple(one for one in strata if min(one.control.n, one.treatment.n) > 0), 0
    if not usable:
        return None
    found = single(metric, usable, alpha) if len(usable) == 1 else joined(metric, usable, alpha)
    skewed = skewness(metric, usable) if metric.kind in ("mean", "ratio") else None
    found = replace(found, information=4 * sum(told(usable)), skewness=skewed)
    if dropped:
        notes = (*found.result.warnings, DROPPED.format(n=dropped))
        found = replace(found, result=replace(found.result, warnings=notes))
    return found if metric.cap is None else with_caps(found, usable)


def with_caps(found: Contrast, strata: Strata) -> Contrast:
    raw = [
        share * (one.treatment.raw_y - one.control.raw_y) for share, one in zip(weights(strata), strata, strict=True)
    ]
    capped = sum(one.control.capped + one.treatment.capped for one in strata)
    return replace(found, uncapped=sum(raw), capped=capped)


def single(metric: Metric, strata: Strata, alpha: float) -> Contrast:
    control, treatment = strata[0].control, strata[0].treatment
    if metric.covariate is not None and min(control.n, treatment.n) >= FEW:
        return adjusted(control, treatment, alpha)
    if metric.kind == "rate":
        result: ComparisonResult = two_proportion_test(*hits(control), *hits(treatment), alpha=alpha)
        first, second = rate_error(control, strata[0]), rate_error(treatment, strata[0])
        return contrast_of(replace(result, se=math.sqrt(first[0] + second[0])), first, second)
    if metric.kind == "ratio":
        if not control.x or not treatment.x:
            return undefined(control, treatment, alpha)
        result = welch_t_test(*ratio(control), *ratio(treatment), alpha=alpha)
        result = replace(result, method="ratio of sums, delta method, Welch's t-test")
        return contrast_of(result, spread(ratio(control)), spread(ratio(treatment)))
    result = welch_t_test(*mean(control), *mean(treatment), alpha=alpha)
    return contrast_of(result, spread(mean(control)), spread(mean(treatment)))


def undefined(control: Cell, treatment: Cell, alpha: float) -> Contrast:
    note = "The denominator of an arm is 0, so there is no ratio."
    result = ComparisonResult(
        alpha=alpha,
        n=control.n + treatment.n,
        method="ratio of sums, delta method",
        warnings=(note,),
        control=None,
        treatment=None,
    )
    return Contrast(result=result, v0=0.0, v1=0.0, n0=control.n, n1=treatment.n)


def contrast_of(result: ComparisonResult, first: tuple[float, int], second: tuple[float, int]) -> Contrast:
    return Contrast(result=result, v0=first[0], v1=second[0], n0=first[1], n1=second[1])


def hits(cell: Cell) -> tuple[int, int]:
    return round(cell.y * cell.n), cell.n


def rate_error(cell: Cell, phase: Stratum) -> tuple[float, int]:
    """Squared. An arm with next to no hit, or no miss, knows nothing of its own error: that of both arms is its least.

    A treatment of five units without a hit would be certain otherwise.
    """
    own, rarer = cell.y * (1 - cell.y), min(cell.y, 1 - cell.y) * cell.n
    rate = pooled_rate(phase)
    return (own if rarer >= FEW_HITS else max(own, rate * (1 - rate))) / cell.n, cell.n


def pooled_rate(phase: Stratum) -> float:
    return (phase.control.y * phase.control.n + phase.treatment.y * phase.treatment.n) / phase.n


def mean(cell: Cell) -> tuple[float, float, int]:
    return cell.y, cell.yy / (cell.n - 1) if cell.n > 1 else 0.0, cell.n


def ratio(cell: Cell) -> tuple[float, float, int]:
    """Sum over sum, and the variance of one unit's part in it (Deng, Knoblich & Lu 2018, KDD, section 3)."""
    value = cell.y / cell.x
    squares = max(0.0, cell.yy - 2 * value * cell.xy + value * value * cell.xx)
    return value, squares / (cell.n - 1) / cell.x**2 if cell.n > 1 else 0.0, cell.n


def spread(arm: tuple[float, float, int]) -> tuple[float, int]:
    return arm[1] / arm[2], arm[2]


def adjusted(control: Cell, treatment: Cell, alpha: float) -> Contrast:
    result = means.cuped(sums(control), sums(treatment), alpha=alpha)
    theta = result.theta
    return Contrast(
        result=result,
        v0=left_over(control, theta) / control.n,
        v1=left_over(treatment, theta) / treatment.n,
        n0=control.n,
        n1=treatment.n,
        reduction=None if result.variance_kept is None else 1 - result.variance_kept,
    )


def sums(cell: Cell) -> CupedSums:
    return CupedSums(
        n=cell.n,
        sum_y=cell.y * cell.n,
        sum_y2=cell.yy + cell.n * cell.y**2,
        sum_x=cell.x * cell.n,
        sum_x2=cell.xx + cell.n * cell.x**2,
        sum_xy=cell.xy + cell.n * cell.x * cell.y,
    )


def left_over(cell: Cell, theta: float) -> float:
    return max(0.0, cell.yy - 2 * theta * cell.xy + theta * theta * cell.xx) / (cell.n - 1)


def weights(strata: Strata) -> list[float]:
    """Each phase as much as it can tell of a difference: a first percent of traffic says little, however long it ran.

    Source: Mantel & Haenszel 1959, JNCI 22:719.
    """
    each = told(strata)
    return [one / sum(each) for one in each]


def told(strata: Strata) -> list[float]:
    return [one.control.n * one.treatment.n / one.n for one in strata]


def skewness(metric: Metric, strata: Strata) -> float | None:
    """Of the difference as `single` and `joined` take it: of values less what a covariate or a denominator tells."""
    first, second = ([getattr(one, arm) for one in strata] for arm in ("control", "treatment"))
    shares = weights(strata)
    theta = (slope(metric, strata) or 0.0) if metric.covariate is not None else 0.0
    return skewness_of_difference(samples(metric, first, shares, theta), samples(metric, second, shares, theta))


def samples(metric: Metric, cells: list[Cell], shares: list[float], theta: float) -> list[Sample]:
    tilt, scale = theta, 1.0
    if metric.kind == "ratio":
        y, x = (sum(share * getattr(cell, name) for share, cell in zip(shares, cells, strict=True)) for name in "yx")
        if not x:
            return []
        tilt, scale = y / x, 1 / x
    return [
        Sample(
            n=cell.n,
            variance=max(0.0, cell.yy - 2 * tilt * cell.xy + tilt * tilt * cell.xx) / max(1, cell.n - 1) * scale**2,
            third=cell.thirds(tilt) / cell.n * scale**3,
            weight=share,
        )
        for share, cell in zip(shares, cells, strict=True)
    ]


@dataclass(frozen=True)
class Joined:
    """One arm over all phases: its value, and the squared error that each phase adds, with its units."""

    value: float
    errors: tuple[tuple[float, int], ...]

    @property
    def error(self) -> float:
        return sum(error for error, _ in self.errors)

    @property
    def n(self) -> int:
        return sum(n for _, n in self.errors)


def joined(metric: Metric, strata: Strata, alpha: float) -> Contrast:
    """Each arm's value is the mean of its phases' values, both arms weighted alike.

    Where the split moved, the arms met different days in different numbers; compared within each phase they did not.
    """
    shares = weights(strata)
    theta = slope(metric, strata)
    first = joined_arm(metric, strata, "control", shares, theta)
    second = joined_arm(metric, strata, "treatment", shares, theta)
    if first is None or second is None:
        both = together(one.control for one in strata), together(one.treatment for one in strata)
        return undefined(*both, alpha)
    result = tested(metric, first, second, strata, alpha)
    bare = joined_errors(metric, strata, shares)
    return Contrast(
        result=result,
        v0=first.error,
        v1=second.error,
        n0=first.n,
        n1=second.n,
        reduction=1 - (first.error + second.error) / bare if theta is not None and bare > 0 else None,
    )


def joined_arm(
    metric: Metric, strata: Strata, arm: routing.Arm, shares: list[float], theta: float | None
) -> Joined | None:
    cells = [one.control if arm == "control" else one.treatment for one in strata]
    y = sum(share * cell.y for share, cell in zip(shares, cells, strict=True))
    x = sum(share * cell.x for share, cell in zip(shares, cells, strict=True))
    if metric.kind == "ratio":
        if not x:
            return None
        value, scale, tilt = y / x, 1 / x, y / x
    else:
        tilt = theta or 0.0
        value, scale = y - tilt * (x - centre(strata)), 1.0
    binary = metric.kind == "rate" and theta is None
    errors = []
    for share, cell, phase in zip(shares, cells, strata, strict=True):
        squares = max(0.0, cell.yy - 2 * tilt * cell.xy + tilt * tilt * cell.xx)
        one = rate_error(cell, phase)[0] if binary else squares / max(1, cell.n - 1) / cell.n
        errors.append((share * share * scale * scale * one, cell.n))
    return Joined(value, tuple(errors))


def joined_errors(metric: Metric, strata: Strata, shares: list[float]) -> float:
    """The squared error of the difference without the covariate."""
    found = [joined_arm(metric, strata, arm, shares, 0.0) for arm in ("control", "treatment")]
    return sum(one.error for one in found if one is not None)


def slope(metric: Metric, strata: Strata) -> float | None:
    """CUPED's theta, from within phases and arms."""
    if metric.covariate is None:
        return None
    cells = [cell for one in strata for cell in (one.control, one.treatment)]
    xx = sum(cell.xx for cell in cells)
    return sum(cell.xy for cell in cells) / xx if xx > 0 else 0.0


def centre(strata: Strata) -> float:
    return together(cell for one in strata for cell in (one.control, one.treatment)).x


def tested(metric: Metric, first: Joined, second: Joined, strata: Strata, alpha: float) -> ComparisonResult:
    difference, se = second.value - first.value, math.sqrt(first.error + second.error)
    df = satterthwaite((*first.errors, *second.errors))
    method = STRATIFIED.format(method=method_of(metric), k=len(strata))
    low = high = p = statistic = None
    if se > 0:
        low, high = clustered.t_interval(difference, se, df, alpha)
        statistic, p = difference / se, clustered.t_p_value(difference, se, df)
        if metric.kind == "rate" and metric.covariate is None and (pooled := pooled_error(strata)) > 0:
            statistic = difference / pooled
            p = 2 * float(special.ndtr(-abs(statistic)))
    n0, n1 = first.n, second.n
    lift = relative_lift(first.value, first.error * n0, n0, second.value, second.error * n1, n1, alpha=alpha)
    return ComparisonResult(
        estimate=difference,
        ci_low=low,
        ci_high=high,
        p_value=p,
        alpha=alpha,
        n=n0 + n1,
        method=method,
        warnings=() if se > 0 else ("Nothing varies in either arm, so there is no interval and no test.",),
        statistic=statistic,
        df=df,
        se=se,
        control=first.value,
        treatment=second.value,
        relative_lift=lift.estimate,
        lift_low=lift.ci_low,
        lift_high=lift.ci_high,
    )


def method_of(metric: Metric) -> str:
    if metric.covariate is not None:
        return "CUPED, then Welch's t"
    names = {"rate": "two-proportion z-test (pooled in each phase)", "ratio": "ratio of sums, delta method"}
    return names.get(metric.kind, "Welch's t-test")


def satterthwaite(errors: tuple[tuple[float, int], ...]) -> float:
    total = sum(error for error, _ in errors)
    if total <= 0:
        return float(max(1, sum(n for _, n in errors) - 2))
    return 1 / sum((error / total) ** 2 / max(1, n - 1) for error, n in errors)


def pooled_error(strata: Strata) -> float:
    """Of the difference of two equal rates in each phase."""
    total = 0.0
    for share, one in zip(weights(strata), strata, strict=True):
        rate = pooled_rate(one)
        total += share**2 * rate * (1 - rate) * (1 / one.control.n + 1 / one.treatment.n)
    return math.sqrt(total)
