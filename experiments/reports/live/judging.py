"""A contrast read as the plan says: once at the planned size, at any time, or at planned looks."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from scipy import optimize, special

from experiments.live_plan import Metric, Plan
from experiments.reports.live.contrasts import Contrast
from experiments.reports.live.payload import MetricRow, PKind
from experiments.reports.live.restarts import level_left
from experiments.reports.live.wording import finding
from experiments.stats.result import TestResult
from experiments.stats.sequential import Spending, asymptotic_confidence_sequence, group_sequential_bounds
from experiments.stats.skewness import COCHRAN, growth_until

Measure = Callable[[float], Contrast | None]

# Below these an asymptotic method is not asked: it would be read before it holds.
FEWEST_UNITS = 100
FEWEST_EVENTS = 20
# The bounds of planned looks lie further out than 5%, where a tilted tail is wrong by more.
MOST_SKEWED_AT_A_LOOK = COCHRAN / 2
SMALLEST_P = 1e-12
NO_UNITS = "An arm has no unit with a value yet."
TOO_SKEWED = (
    "Not to be trusted: a few large values decide the difference, whose skewness is {skewness:.2f} and may be "
    "{most:g} at most. Set a cap in the plan, or wait for about {times:.0f} times as many units."
)
DRIFTED = (
    "The difference of now lies outside of what earlier looks allowed: what is measured has changed over time. "
    "Interval and p-value are those of now alone."
)


@dataclass(frozen=True)
class History:
    """What earlier looks have said of one metric: the smallest p and the narrowest bounds."""

    p_value: float = 1.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Reading:
    """information: shares of the planned size at the planned looks so far, the one now last; empty between looks.

    After ramps that took units away, restarts: units exposed before each of them; stretches: of the looks, those that
    contain what the one before has compared.
    """

    method: str
    alpha: float
    n_star: float = 5000.0
    information: tuple[float, ...] = ()
    spending: str = "obrien_fleming"
    restarts: tuple[int, ...] = ()
    stretches: tuple[tuple[float, ...], ...] = ()

    @property
    def p_kind(self) -> PKind:
        kinds: dict[str, PKind] = {"confidence_sequence": "always_valid", "group_sequential": "group_sequential"}
        return kinds.get(self.method, "fixed")

    @property
    def most_skewed(self) -> float:
        return MOST_SKEWED_AT_A_LOOK if self.method == "group_sequential" else COCHRAN

    @property
    def bound(self) -> float | None:
        """The z that ends the test at this look."""
        return self.bound_at(self.alpha) if self.information else None

    def bound_at(self, level: float) -> float:
        return look_bound(self.information, level, self.spending, self.stretches)

    def sequence(self, estimate: float, se: float, found: Contrast) -> TestResult:
        """The asymptotic confidence sequence of an estimate from a contrast.

        One that has started anew has the alpha that is left, and counts the units compared by what they can tell.
        """
        n = found.information if self.restarts else found.n0 + found.n1
        level = level_left(self.alpha, self.n_star, self.restarts)
        sequence = asymptotic_confidence_sequence(estimate, se, n, n_star=self.n_star, alpha=level)
        if not self.restarts or sequence.p_value is None:
            return sequence
        return replace(sequence, p_value=min(1.0, sequence.p_value * self.alpha / level))


def reading_of(
    plan: Plan,
    information: tuple[float, ...] = (),
    *,
    restarts: tuple[int, ...] = (),
    stretches: tuple[tuple[float, ...], ...] = (),
) -> Reading:
    return Reading(plan.method, plan.alpha, float(plan.n_total), information, plan.spending, restarts, stretches)


@lru_cache(maxsize=256)
def look_bound(
    information: tuple[float, ...], alpha: float, spending: str, stretches: tuple[tuple[float, ...], ...] = ()
) -> float:
    kind: Spending = "pocock" if spending == "pocock" else "obrien-fleming"
    return group_sequential_bounds(information, alpha=alpha, spending=kind, stretches=stretches).bounds[-1]


def judged(metric: Metric, measure: Measure, reading: Reading) -> MetricRow:
    """The row of one metric as this look alone has it, before correction for the others."""
    row = MetricRow(
        key=metric.key,
        title=metric.title,
        role=metric.role,
        kind=metric.kind,
        unit=metric.unit,
        direction=metric.direction,
        p_kind=reading.p_kind,
    )
    level = reading.alpha if reading.bound is None else nominal(reading.bound)
    found = measure(level)
    if found is None:
        return replace(row, warnings=(NO_UNITS,), sentence=f"{metric.title}: {NO_UNITS}")
    row = doubted(described(row, found), too_skewed(found, reading.most_skewed))
    if reading.method == "fixed_horizon":
        row = at_once(row, found)
    elif row.doubt:
        pass
    elif (why := too_few(metric, found)) is not None:
        row = replace(row, warnings=(why, *row.warnings))
    elif reading.method == "confidence_sequence":
        row = at_any_time(row, found, reading)
    else:
        row = at_a_look(row, found, reading)
    return replace(row, sentence=finding(row, reading.alpha))


def nominal(bound: float) -> float:
    """The level of one look with this bound."""
    return max(2 * float(special.ndtr(-bound)), 1e-15)


def described(row: MetricRow, found: Contrast) -> MetricRow:
    result = found.result
    return replace(
        row,
        control_n=found.n0,
        treatment_n=found.n1,
        control=result.control,
        treatment=result.treatment,
        difference=result.estimate,
        relative=result.relative_lift,
        method=result.method,
        warnings=result.warnings,
        se=result.se,
        cuped_reduction=found.reduction,
        uncapped_difference=found.uncapped,
        capped=found.capped,
    )


def too_few(metric: Metric, found: Contrast) -> str | None:
    smaller = min(found.n0, found.n1)
    if smaller < FEWEST_UNITS:
        return f"Read from {FEWEST_UNITS} units in each arm on; the smaller arm has {smaller:,}."
    if metric.kind == "rate" and found.result.control is not None and found.result.treatment is not None:
        hits = round(found.result.control * found.n0 + found.result.treatment * found.n1)
        rare = min(hits, found.n0 + found.n1 - hits)
        if rare < FEWEST_EVENTS:
            return f"Read from {FEWEST_EVENTS} units with and without it on; there are {rare:,} of the rarer kind."
        expected = rare * smaller / (found.n0 + found.n1)
        if expected < FEWEST_EVENTS / 2:
            return (
                f"Read once the smaller arm may expect {FEWEST_EVENTS // 2} units of the rarer kind; "
                f"at the rate of both arms it may expect {expected:.1f}."
            )
    return None


def too_skewed(found: Contrast, most: float) -> str:
    """Why a t-test of this difference errs more often than it says; empty where it does not."""
    if found.skewness is None or abs(found.skewness) <= most:
        return ""
    times = max(2.0, growth_until(found.skewness, most))
    return TOO_SKEWED.format(skewness=found.skewness, most=most, times=times)


def doubted(row: MetricRow, why: str) -> MetricRow:
    return replace(row, doubt=why, warnings=(why, *row.warnings)) if why else row


def at_once(row: MetricRow, found: Contrast) -> MetricRow:
    result = found.result
    return replace(
        row,
        ci_low=result.ci_low,
        ci_high=result.ci_high,
        relative_low=result.lift_low,
        relative_high=result.lift_high,
        p_value=result.p_value,
        z=result.statistic,
    )


def at_any_time(row: MetricRow, found: Contrast, reading: Reading) -> MetricRow:
    """The asymptotic confidence sequence of the same estimate and error."""
    if row.difference is None or found.result.se is None:
        return row
    sequence = reading.sequence(row.difference, found.result.se, found)
    row = replace(
        row,
        ci_low=sequence.ci_low,
        ci_high=sequence.ci_high,
        p_value=sequence.p_value,
        method=f"{row.method.split(',')[0]}; {sequence.method}",
        warnings=(*row.warnings, *sequence.warnings),
    )
    if row.relative is None or not found.relative_se:
        return row
    lift = reading.sequence(row.relative, found.relative_se, found)
    return replace(row, relative_low=lift.ci_low, relative_high=lift.ci_high)


def at_a_look(row: MetricRow, found: Contrast, reading: Reading) -> MetricRow:
    """Interval and test at the level of this look; p is the smallest level at which this look would end the test."""
    row = replace(at_once(row, found), stopping_bound=reading.bound)
    if found.result.p_value is None:
        return row
    p = repeated_p(found.result.p_value, reading)
    return replace(row, p_value=p, z=standing(row, found), method=f"{row.method}; planned looks")


def standing(row: MetricRow, found: Contrast) -> float | None:
    """The result as a z, whatever law its p-value is from."""
    p = found.result.p_value
    if p is None or row.difference is None:
        return None
    size = abs(float(special.ndtri(p / 2))) if p > 0 else abs(found.result.statistic or 0.0)
    return math.copysign(size, row.difference)


def repeated_p(p: float, reading: Reading) -> float:
    """Jennison & Turnbull 2000, section 9.4: the level whose bound at this look this result just reaches."""
    information, alpha = reading.information, reading.alpha
    z = abs(float(special.ndtri(max(p, 1e-300) / 2)))
    if information == (1.0,):
        return p

    def lacking(log_level: float) -> float:
        return reading.bound_at(math.exp(log_level)) - z

    low, high = math.log(SMALLEST_P), math.log(0.999)
    if lacking(low) <= 0:
        found = max(p, SMALLEST_P)
    elif lacking(high) >= 0:
        found = 1.0
    else:
        found = math.exp(float(optimize.brentq(lacking, low, high, xtol=1e-4)))
    # What the bound itself says goes before the digits of a root.
    crossed = z >= (reading.bound or math.inf)
    return min(found, math.nextafter(alpha, 0)) if crossed else max(found, alpha)


def remembered(row: MetricRow, history: History | None, alpha: float) -> MetricRow:
    """What held at an earlier look still holds: bounds are the narrowest so far, and p the smallest.

    Unless what is measured has changed: then p, interval and direction are those of this look alone.
    """
    if history is None or row.p_kind == "fixed":
        return row
    row = narrowed(row, history)
    return replace(row, sentence=finding(row, alpha))


def narrowed(row: MetricRow, history: History) -> MetricRow:
    if row.p_value is None or row.difference is None or row.ci_low is None or row.ci_high is None:
        return row
    low, high = max(row.ci_low, history.low), min(row.ci_high, history.high)
    if not low <= row.difference <= high:
        return replace(row, warnings=(*row.warnings, DRIFTED))
    return replace(row, p_value=min(row.p_value, history.p_value), ci_low=low, ci_high=high)
