"""A live test's result as plain text, for terminals and logs."""

from collections.abc import Iterator

from experiments.reports.live.payload import LivePayload, MetricRow
from experiments.reports.live.wording import change, probability, span, value

WIDTH = 26
METHODS = {
    "confidence_sequence": "confidence sequence, valid at every look",
    "group_sequential": "group-sequential, valid at its planned looks",
    "fixed_horizon": "fixed horizon, read once at the planned size",
}
CORRECTIONS = {
    "holm": "secondary ones corrected by Holm",
    "bh": "secondary ones corrected by Benjamini-Hochberg",
    "none": "not corrected",
}
SIGNS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "unknown": "–"}


def lines(payload: LivePayload) -> Iterator[str]:
    yield payload.headline
    yield ""
    yield from about(payload)
    yield ""
    yield "health"
    for check in payload.health:
        yield row(f"  {check.title}", f"{SIGNS[check.status]}: {check.sentence}")
    yield ""
    yield f"metrics, {CORRECTIONS[payload.correction]}"
    for metric in payload.metrics:
        yield from measured(metric)
    if payload.guardrails:
        yield "guardrails"
    for guardrail in payload.guardrails:
        yield row(f"  {guardrail.title}", f"{guardrail.status}: {guardrail.sentence}")
    if payload.segments:
        yield "segments, exploration, corrected by Benjamini-Hochberg"
    for segment in payload.segments:
        yield row(f"  {segment.attribute} {segment.value}", figures(segment.row))
    for look in payload.looks:
        crossed = "" if look.crossed is None else ", crossed" if look.crossed else ", not crossed"
        yield row(f"look {look.number}", f"{look.at:%Y-%m-%d %H:%M} UTC, {look.n:,} units{crossed}")
    for amendment in payload.amendments:
        yield row(
            amendment.title, f"{amendment.at:%Y-%m-%d %H:%M} UTC, {amendment.by or 'by itself'}: {amendment.reason}"
        )
    yield from (f"note: {note}" for note in payload.notes)


def about(payload: LivePayload) -> Iterator[str]:
    yield row("live test", f"{payload.key}, {payload.status}")
    yield row("control", payload.control_name)
    yield row("treatment", payload.treatment_name)
    yield row("read as", METHODS[payload.method])
    yield row("plan", payload.plan_sha256)
    units = f"{payload.exposed.control:,} control, {payload.exposed.treatment:,} treatment"
    yield row(f"{payload.unit}s", f"{units}; {payload.progress:.0%} of {payload.planned_n:,} in each arm")
    yield row("events", f"{payload.events:,}")
    if payload.eta_days is not None:
        yield row("days left", f"about {payload.eta_days:.1f}")
    if payload.stop_now:
        yield row("stop now", payload.stop_why)


def measured(metric: MetricRow) -> Iterator[str]:
    yield row(f"  {metric.title}", f"{metric.role}: {figures(metric)}")
    if metric.difference is not None:
        told = [f"n {metric.control_n:,} and {metric.treatment_n:,}", metric.method]
        if metric.cuped_reduction is not None:
            told.append(f"the covariate took {metric.cuped_reduction:.0%} of the variance away")
        if metric.uncapped_difference is not None:
            without = change(metric.uncapped_difference, metric.kind, metric.unit)
            told.append(f"{metric.capped:,} units capped, {without} without the cap")
        if metric.left_out:
            told.append(f"{metric.left_out:,} units without a value left out")
        yield row("", "; ".join(told))
    for note in metric.warnings:
        yield row("", note)


def figures(metric: MetricRow) -> str:
    if metric.difference is None:
        return metric.verdict
    corrected = "" if metric.p_corrected is None else f", corrected {probability(metric.p_corrected)}"
    return (
        f"{value(metric.control, metric.kind, metric.unit)} to {value(metric.treatment, metric.kind, metric.unit)}, "
        f"{change(metric.difference, metric.kind, metric.unit)} "
        f"({span(metric.ci_low, metric.ci_high, metric.kind, metric.unit)}), "
        f"{probability(metric.p_value)}{corrected}: {metric.verdict.replace('_', ' ')}"
    )


def row(label: str, told: str) -> str:
    return f"{label:<{WIDTH}} {told}"
