"""The result of a live test put together: what may be read now, what was read before, and what stays hidden."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.live_plan import Plan
from experiments.models import LiveLook, LiveTest
from experiments.reports.evidence.plain import built, plain
from experiments.reports.live import headlines, over_time
from experiments.reports.live.amendments import shown_amendment
from experiments.reports.live.guardrails import guardrail
from experiments.reports.live.health import health
from experiments.reports.live.judging import Reading, reading_of
from experiments.reports.live.known import Known, Traced
from experiments.reports.live.looks import (
    Stage,
    figures_of,
    histories,
    look_of,
    planned_looks,
    seen,
    stage_of,
)
from experiments.reports.live.measuring import Measured, distributions_of, measured, rows_of, segments_of
from experiments.reports.live.pace import days_running, eta
from experiments.reports.live.payload import (
    Distribution,
    ExposureChart,
    Guardrail,
    LivePayload,
    Look,
    MetricRow,
    PerArm,
    SegmentRow,
    Series,
)
from experiments.reports.live.phases import check_split, compared_information, phases, read_split
from experiments.reports.live.restarts import read_restarts
from experiments.reports.live.sums import Scope, read_sums
from experiments.reports.live.telling import next_n, notes, units_hidden, why_hidden
from experiments.reports.live.traffic import Traffic, read_traffic

ADDED = "Added to the plan on {at:%d %b %Y %H:%M} UTC, {when}: it was not chosen beforehand."
NOT_JUDGED = "not judged, since the split is not as planned."


@dataclass(frozen=True)
class NewLook:
    """To be remembered."""

    planned: bool
    figures: dict[str, Any]


@dataclass(frozen=True)
class Computed:
    payload: LivePayload
    look: NewLook | None
    breached: tuple[Guardrail, ...]


@dataclass(frozen=True)
class Shown:
    """What is shown of the metrics."""

    rows: tuple[MetricRow, ...]
    over_time: tuple[Series, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    segments: tuple[SegmentRow, ...] = ()
    look: NewLook | None = None

    def without_verdicts(self) -> "Shown":
        """A planned look was taken all the same; any other is as good as not taken."""
        return replace(
            self,
            rows=tuple(without_verdict(row) for row in self.rows),
            over_time=tuple(replace(one, caption=f"{one.title}: {NOT_JUDGED}") for one in self.over_time),
            segments=tuple(replace(one, row=without_verdict(one.row)) for one in self.segments),
            look=self.look if self.look is not None and self.look.planned else None,
        )


def compute(known: Known) -> Computed:
    plan = known.plan
    splits = known.splits
    scope = Scope(known.live_test.pk, splits.ramps, known.cutoff, splits.every, plan.routing.buckets)
    traced = trace(known, scope)
    behind = known.behind(traced.traffic)
    stage = stage_of(
        known.live_test,
        plan,
        traced.units,
        known.looks,
        known.kinds,
        known.now,
        behind=behind,
        era=len(traced.restarts),
        compared=compared_information(traced.phases),
    )
    guarded = [one for one in plan.metrics if one.role == "guardrail"]
    slots = over_time.slots_of(traced.traffic.first_at, traced.traffic.last_at) if stage.fresh else None
    found = measured(scope, plan, plan.metrics if stage.fresh else guarded, slots=slots)
    guardrails = tuple(
        guardrail(one, found.contrast(one), plan, hidden=stage.veiled, restarts=traced.restarts) for one in guarded
    )
    breached = () if traced.blocked else tuple(one for one in guardrails if one.status == "breached")
    shown = fresh(known, traced, stage, found, guardrails) if stage.fresh else kept(known, traced, stage)
    if stage.veiled and stage.frozen is not None:
        guardrails = as_looked_at(guardrails, stage.frozen)
    shown = replace(shown, rows=tuple(told_when_added(row, known) for row in shown.rows))
    if traced.blocked:
        shown, guardrails = shown.without_verdicts(), tuple(unjudged(one) for one in guardrails)
    payload = put_together(known, traced, stage, shown, guardrails)
    payload = replace(payload, exposures_per_hour=exposure_chart(scope, traced.traffic))
    return Computed(payload, shown.look, breached)


def trace(known: Known, scope: Scope) -> Traced:
    sums = read_sums(scope, [])
    compared = PerArm(control=sums.exposed(0), treatment=sums.exposed(1))
    splits = known.splits
    found = phases(splits, sums, known.live_test.started_at)
    counted = read_split(scope, splits) if splits.raises else [(compared, splits.first)]
    return Traced(read_traffic(scope, known.plan, compared), found, check_split(counted), read_restarts(scope))


def exposure_chart(scope: Scope, traffic: Traffic) -> ExposureChart:
    return over_time.exposures(scope, traffic.first_at, traffic.last_at)


def fresh(known: Known, traced: Traced, stage: Stage, found: Measured, guardrails: tuple[Guardrail, ...]) -> Shown:
    """Computed now, and remembered where a look is due."""
    reading = reading_of(known.plan, stage.information, restarts=traced.restarts, stretches=stage.stretches)
    rows, alone = rows_of(found, reading, histories(known.looks_before(stage), since=known.metrics_since))
    drawn = series(known, stage, rows, found, reading)
    shown = Shown(rows, drawn, distributions_of(found), segments_of(found, reading))
    if not stage.look:
        return shown
    figures = look_figures(known, traced, stage, reading, alone)
    if stage.closed or known.plan.method == "group_sequential":
        figures |= {name: plain(getattr(shown, name)) for name in ("rows", "distributions", "segments")}
        figures |= {"guardrails": plain(guardrails)}
    if stage.closed:
        figures |= {"closing": True, "over_time": plain(shown.over_time)}
    return replace(shown, look=NewLook(stage.planned, figures))


def as_looked_at(now: tuple[Guardrail, ...], look: LiveLook) -> tuple[Guardrail, ...]:
    """As the last look has shown them; harm is told when it is seen."""
    then = {one["metric"]: built(Guardrail, one) for one in look.figures.get("guardrails", ())}
    return tuple(one if one.status == "breached" else then.get(one.metric, one) for one in now)


def look_figures(
    known: Known, traced: Traced, stage: Stage, reading: Reading, alone: Sequence[MetricRow]
) -> dict[str, Any]:
    information = stage.information[-1] if stage.information else None
    figures = figures_of(traced.units, alone, information=information, bound=reading.bound, stage=stage)
    if known.plan.method == "fixed_horizon" and stage.planned:
        figures["cutoff"] = known.now.isoformat()
    return figures


def kept(known: Known, traced: Traced, stage: Stage) -> Shown:
    """What the last look has said; before the first, and before the planned size, nothing."""
    if stage.frozen is None:
        return Shown(tuple(hidden_row(known.plan, place, traced) for place in range(len(known.plan.metrics))))
    figures = stage.frozen.figures
    rows = tuple(built(MetricRow, one) for one in figures["rows"])
    drawn = tuple(built(Series, one) for one in figures.get("over_time", ()))
    return Shown(
        rows,
        drawn or tuple(over_time.by_looks(row, seen(known.looks, row.key), stage.frozen.at) for row in rows),
        tuple(built(Distribution, one) for one in figures["distributions"]),
        tuple(built(SegmentRow, one) for one in figures["segments"]),
    )


def hidden_row(plan: Plan, place: int, traced: Traced) -> MetricRow:
    metric = plan.metrics[place]
    return MetricRow(
        key=metric.key,
        title=metric.title,
        role=metric.role,
        kind=metric.kind,
        unit=metric.unit,
        direction=metric.direction,
        control_n=traced.traffic.compared.control,
        treatment_n=traced.traffic.compared.treatment,
        p_kind=reading_of(plan).p_kind,
        verdict="hidden",
        sentence=f"{metric.title}: hidden for now.",
    )


def told_when_added(row: MetricRow, known: Known) -> MetricRow:
    """Whoever adds a metric may have seen how the test goes, and chosen it for that."""
    at = known.added_at(row.key)
    if at is None or row.added_at is not None:
        return row
    started = known.live_test.started_at
    when = "after the start" if started and started <= at else "before the start"
    return replace(row, added_at=at, warnings=(*row.warnings, ADDED.format(at=at, when=when)))


def without_verdict(row: MetricRow) -> MetricRow:
    return replace(row, significant=None, verdict="blocked")


def unjudged(one: Guardrail) -> Guardrail:
    return replace(one, status="undefined", sentence=f"{one.title}: {NOT_JUDGED}")


def series(
    known: Known, stage: Stage, rows: Sequence[MetricRow], found: Measured, reading: Reading
) -> tuple[Series, ...]:
    return tuple(one for row in rows if (one := one_series(known, stage, row, found, reading)) is not None)


def one_series(known: Known, stage: Stage, row: MetricRow, found: Measured, reading: Reading) -> Series | None:
    """As it was seen, where it was looked at often; else by the order in which units came."""
    earlier = seen(known.looks_before(stage), row.key)
    metric = known.plan.metric(row.key)
    group = known.plan.method == "group_sequential"
    if group or metric.kind == "quantile" or found.slots is None or len(earlier) >= over_time.ENOUGH_LOOKS:
        return over_time.by_looks(row, earlier, known.now) if row.difference is not None else None
    return over_time.by_exposure(metric, row, found.sums, found.slots, reading)


def put_together(
    known: Known, traced: Traced, stage: Stage, shown: Shown, guardrails: tuple[Guardrail, ...]
) -> LivePayload:
    plan, live_test, traffic = known.plan, known.live_test, traced.traffic
    primary = next(row for row in shown.rows if row.role == "primary")
    smaller = min(traced.units.control, traced.units.treatment)
    hidden_why = why_hidden(known, traced, stage)
    checks = health(traffic, traced.split, traced.phases, plan, hidden=stage.veiled)
    blocked_why = checks[0].sentence if traced.blocked else ""
    reached = smaller >= plan.n_per_arm
    stop_why = headlines.stop_because(
        primary, plan, status=live_test.status, reached=reached, blocked=traced.blocked, guardrails=guardrails
    )
    return LivePayload(
        key=live_test.key,
        status=live_test.status,
        method=plan.method,
        plan_sha256=known.plan_sha256,
        unit=plan.unit,
        alpha=plan.alpha,
        control_name=plan.control_name,
        treatment_name=plan.treatment_name,
        computed_at=known.now,
        exposed=traffic.compared,
        planned_n=plan.n_per_arm,
        progress=min(1.0, smaller / plan.n_per_arm),
        days_running=days_running(live_test, known.now),
        eta_days=eta(live_test, known.now, missing=plan.n_per_arm - smaller, smaller=smaller),
        hidden=bool(hidden_why),
        hidden_why=hidden_why,
        units_hidden=units_hidden(known, stage),
        look_due_since=(known.due_since or known.now) if stage.due else None,
        opened_early=known.opened_early,
        blocked=traced.blocked,
        blocked_why=blocked_why,
        stop_now=bool(stop_why),
        stop_why=stop_why,
        headline=headlines.headline(
            primary,
            plan,
            exposed=traffic.compared,
            hidden_why=hidden_why,
            blocked_why=blocked_why,
            guardrails=guardrails,
            running=live_test.status == LiveTest.Status.RUNNING,
        ),
        health=checks,
        metrics=shown.rows,
        correction=plan.correction,
        over_time=shown.over_time,
        distributions=shown.distributions,
        segments=shown.segments,
        guardrails=guardrails,
        amendments=tuple(shown_amendment(one) for one in known.amendments),
        looks=all_looks(known, traced, shown, primary),
        next_look_n=next_n(known, stage) if live_test.status == LiveTest.Status.RUNNING else None,
        phases=traced.phases,
        events=traffic.events,
        events_waiting=traffic.waiting,
        notes=notes(known, traced, stage),
    )


def all_looks(known: Known, traced: Traced, shown: Shown, primary: MetricRow) -> tuple[Look, ...]:
    """Those remembered, and the one that this computation is. Blocked, none says that it crossed its bound."""
    found = planned_looks(known.looks, primary.key)
    if shown.look is not None and shown.look.planned:
        number = max((one.number for one in known.looks), default=0) + 1
        found = (*found, look_of(number, known.now, shown.look.figures, primary.key))
    return tuple(replace(one, crossed=None) for one in found) if traced.blocked else found
