"""Guardrails: is a metric shown to be worse than the plan accepts? Valid at any time, since harm does not wait."""

import math
from dataclasses import dataclass

from experiments.live_plan import Metric, Plan
from experiments.reports.live.contrasts import Contrast
from experiments.reports.live.judging import reading_of, too_few, too_skewed
from experiments.reports.live.payload import Guardrail, GuardrailStatus
from experiments.reports.live.wording import change, span
from experiments.stats.skewness import COCHRAN

WATCHED = "{title}: watched at every computation; it has not passed what the plan accepts."


@dataclass(frozen=True)
class Worsening:
    """How much worse treatment is, and how much worse than accepted, each with the bounds of its confidence sequence.

    Below 0 is better.
    """

    estimate: float
    low: float
    high: float
    beyond_low: float
    beyond_high: float


def guardrail(
    metric: Metric, found: Contrast | None, plan: Plan, *, hidden: bool, restarts: tuple[int, ...] = ()
) -> Guardrail:
    """`found` at any level: only its estimate and error are read. Hidden, nothing but a breach is told."""
    margin = margin_of(metric, found)
    worse = worsening(metric, found, plan, restarts)
    status = status_of(worse)
    shown = status == "breached" or not hidden
    sequence = signed(metric, worse) if worse is not None and shown else (None, None, None)
    return Guardrail(
        metric=metric.key,
        title=metric.title,
        unit=metric.unit,
        kind=metric.kind,
        direction=metric.direction,
        status=status if shown else "watched",
        margin=margin,
        difference=sequence[0],
        ci_low=sequence[1],
        ci_high=sequence[2],
        stops=plan.guardrail_stops,
        sentence=told(metric, found, status, margin, sequence) if shown else WATCHED.format(title=metric.title),
    )


def margin_of(metric: Metric, found: Contrast | None) -> float:
    """Absolute. Without one in the plan any worsening is too much."""
    margin = metric.margin or 0.0
    if not metric.margin_is_relative:
        return margin
    return margin * abs((found.result.control if found else None) or 0.0)


def worsening(metric: Metric, found: Contrast | None, plan: Plan, restarts: tuple[int, ...] = ()) -> Worsening | None:
    if found is None or found.result.estimate is None or not found.result.se:
        return None
    if too_few(metric, found) or too_skewed(found, COCHRAN):
        return None
    sign = -1 if metric.direction == "higher" else 1
    estimate = sign * found.result.estimate
    reading = reading_of(plan, restarts=restarts)
    sequence = reading.sequence(estimate, found.result.se, found)
    if sequence.ci_low is None or sequence.ci_high is None:
        return None
    beyond = estimate - margin_of(metric, found)
    against = reading.sequence(beyond, margin_error(metric, found, sign), found)
    if against.ci_low is None or against.ci_high is None:
        return None
    return Worsening(estimate, sequence.ci_low, sequence.ci_high, against.ci_low, against.ci_high)


def margin_error(metric: Metric, found: Contrast, sign: int) -> float:
    """Of how much further than the margin it is: a share of control is as unsure as control itself."""
    if not metric.margin or not metric.margin_is_relative:
        return found.result.se or 0.0
    leaning = 1 + sign * math.copysign(metric.margin, found.result.control or 0.0)
    return math.sqrt(found.v1 + leaning**2 * found.v0)


def status_of(worse: Worsening | None) -> GuardrailStatus:
    if worse is None:
        return "undefined"
    if worse.beyond_low > 0:
        return "breached"
    return "kept" if worse.beyond_high < 0 else "open"


def signed(metric: Metric, worse: Worsening) -> tuple[float, float, float]:
    """As treatment minus control again."""
    if metric.direction == "higher":
        return -worse.estimate, -worse.high, -worse.low
    return worse.estimate, worse.low, worse.high


def told(
    metric: Metric,
    found: Contrast | None,
    status: GuardrailStatus,
    margin: float,
    sequence: tuple[float | None, float | None, float | None],
) -> str:
    why = too_skewed(found, COCHRAN) if found is not None and status == "undefined" else ""
    return f"{metric.title} cannot be judged. {why}" if why else sentence(metric, status, margin, sequence)


def sentence(
    metric: Metric,
    status: GuardrailStatus,
    margin: float,
    sequence: tuple[float | None, float | None, float | None],
) -> str:
    figures = f"{change(sequence[0], metric.kind, metric.unit)} ({span(*sequence[1:], metric.kind, metric.unit)})"
    most = "worse" if margin == 0 else f"worse by more than {change(margin, metric.kind, metric.unit)[1:]}"
    match status:
        case "breached":
            return f"{metric.title} is shown to be {most}, which the plan does not accept: {figures}."
        case "kept":
            return f"{metric.title} is shown not to be {most}: {figures}."
        case "open":
            return f"{metric.title}: whether it is {most} can neither be shown nor ruled out yet: {figures}."
        case _:
            return f"{metric.title}: too little data to judge it yet."
