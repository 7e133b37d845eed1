"""The one sentence above a result, and whether the plan says to stop."""

from collections.abc import Sequence

from experiments.live_plan import Plan
from experiments.models import LiveTest
from experiments.reports.live.payload import Guardrail, MetricRow, PerArm
from experiments.reports.live.wording import INTERVALS, change, level, probability, span, value


def headline(
    primary: MetricRow,
    plan: Plan,
    *,
    exposed: PerArm,
    hidden_why: str,
    blocked_why: str,
    guardrails: Sequence[Guardrail],
    running: bool,
) -> str:
    """In this order: nobody there, not to be believed, harm shown, hidden, and what the primary metric says."""
    if not exposed.total:
        return "No unit has been exposed yet."
    if blocked_why:
        return f"No verdict: {blocked_why}"
    breached = [one for one in guardrails if one.status == "breached"]
    if breached:
        return breached[0].sentence
    return hidden_why or finding(primary, plan, running=running)


def finding(row: MetricRow, plan: Plan, *, running: bool) -> str:
    if row.doubt:
        return f"No verdict on {row.title.lower()}. {row.doubt}"
    if row.difference is None or row.p_value is None:
        return row.sentence or f"{row.title}: nothing to compare yet."
    what = INTERVALS[row.p_kind].format(level=level(plan.alpha))
    figures = (
        f"{value(row.treatment, row.kind, row.unit)} against {value(row.control, row.kind, row.unit)}, "
        f"{change(row.difference, row.kind, row.unit)} "
        f"({what} {span(row.ci_low, row.ci_high, row.kind, row.unit)}), {probability(row.p_deciding)}"
    )
    if row.verdict in ("better", "worse"):
        way = "higher" if row.difference > 0 else "lower"
        return f"{row.title} is {way} with treatment, which is {row.verdict}: {figures}."
    return f"No difference in {row.title.lower()} is shown{' so far' if running else ''}: {figures}."


def hidden_until(plan: Plan, exposed: PerArm) -> str:
    """Of a fixed-horizon test."""
    have = min(exposed.control, exposed.treatment)
    return (
        f"The direction stays hidden until {plan.n_per_arm:,} units are in each arm: the smaller one has {have:,} "
        f"({have / plan.n_per_arm:.0%})."
    )


def hidden_before(plan: Plan, exposed: PerArm, at: int) -> str:
    """Of a group-sequential test before its first look."""
    have = min(exposed.control, exposed.treatment)
    return f"The first of {plan.looks} planned looks is due at {at:,} units in each arm: the smaller one has {have:,}."


def hidden_counting(waiting: int) -> str:
    """A look is due, and not taken before its events are in the sums."""
    return f"The units of this look are in. {waiting:,} events that have arrived are being counted: then it opens."


def stop_because(
    primary: MetricRow, plan: Plan, *, status: str, reached: bool, blocked: bool, guardrails: Sequence[Guardrail]
) -> str:
    """Empty where the plan says to go on, or there is nothing left to stop."""
    if status != LiveTest.Status.RUNNING:
        return ""
    breached = [one.title for one in guardrails if one.status == "breached"]
    if breached and not blocked:
        return f"A guardrail is breached: {', '.join(breached)}."
    if blocked:
        return "The split is not as planned: find the cause, stop, and start a new test."
    if plan.method != "fixed_horizon" and primary.significant:
        return f"{primary.title} has passed its bound: the plan allows to stop now."
    return "The planned units are in: stop the test and decide." if reached else ""
