"""What a live test says about a criterion, from its computed result alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.urls import reverse

from experiments.deciding.catalogue import BOUNDS, GUARDRAILS, PRIMARY, Bound
from experiments.go_no_go import Observation, Part, Source
from experiments.models import Experiment, LiveTest
from experiments.policy import Criterion, EvidenceRef
from experiments.reports.evidence import observing
from experiments.reports.live.payload import Guardrail, LivePayload, MetricRow
from experiments.stats.proportions import wilson_interval

STARTED = (LiveTest.Status.RUNNING, LiveTest.Status.STOPPED)


@dataclass(frozen=True)
class Live:
    """A live test that was started; `payload` is None until its first result is computed."""

    test: LiveTest
    payload: LivePayload | None

    @property
    def url(self) -> str:
        return reverse("live_test", args=[self.test.key])

    @property
    def sources(self) -> tuple[Source, ...]:
        return (Source(label=f"Live test {self.test.name}", url=self.url),)

    @property
    def is_over(self) -> bool:
        return self.test.status == LiveTest.Status.STOPPED


def read_live(experiment: Experiment) -> list[Live]:
    """The newest started first."""
    tests = LiveTest.objects.filter(experiment=experiment, status__in=STARTED).select_related("result")
    return [Live(test, payload_of(test)) for test in tests.order_by("-started_at", "-pk")]


def payload_of(test: LiveTest) -> LivePayload | None:
    result = getattr(test, "result", None)
    return LivePayload.from_dict(result.payload) if result else None


def chosen(tests: Sequence[Live], about: EvidenceRef) -> Live | None:
    """The one a criterion names, else the newest."""
    return next((one for one in tests if about.live_test in ("", one.test.key)), None)


def observe(criterion: Criterion, tests: Sequence[Live]) -> Observation:
    about, live = criterion.evidence, chosen(tests, criterion.evidence)
    if live is None:
        name = f"The live test {about.live_test}" if about.live_test else "A live test of this experiment"
        return observing.none(f"{name} has not been started: plan one and start it.", n_unit="units")
    payload = live.payload
    if payload is None:
        waiting = observing.none("Its first result is being computed.", sources=live.sources, n_unit="units")
        return replace(waiting, state="growing")
    if about.metric == GUARDRAILS:
        found = of_guardrails(live, payload)
    else:
        row = payload.primary if about.metric == PRIMARY else payload.metric(about.metric)
        if row is None:
            known = ", ".join(one.key for one in payload.metrics)
            why = f"The plan of {live.test.key} has no metric {about.metric!r}. It has {known}."
            return observing.none(why, sources=live.sources, n_unit=units(payload))
        found = of_metric(criterion, live, payload, row)
    others = "" if about.live_test or len(tests) < 2 else f"The newest of {len(tests)} live tests: {live.test.key}."
    return replace(found, sources=live.sources, warnings=(*found.warnings, *([others] if others else [])))


def units(payload: LivePayload) -> str:
    return f"{payload.unit}s"


def of_metric(criterion: Criterion, live: Live, payload: LivePayload, row: MetricRow) -> Observation:
    n = row.treatment_n if criterion.comparison == "absolute" else row.control_n + row.treatment_n
    if payload.hidden or row.verdict == "hidden":
        return Observation(state="hidden", why_none=payload.hidden_why, n=n, n_unit=units(payload))
    if why := against(criterion, row):
        return observing.none(why, n=n, n_unit=units(payload))
    if row.doubt:
        return observing.none(row.doubt, n=n, n_unit=units(payload))
    level = 1 - payload.alpha
    estimate, low, high, method = ends(criterion, payload, row)
    if estimate is None:
        why = row.warnings[0] if row.warnings else "It is not defined for these units."
        return observing.none(why, n=n, n_unit=units(payload))
    state, anytime = when_read(live, payload)
    return Observation(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        level=level,
        n=n,
        n_unit=units(payload),
        method=method,
        spread=observing.spread_of(low, high, n, level),
        baseline=row.control,
        candidate=row.treatment,
        warnings=row.warnings,
        state="growing" if state else "final",
        why_none=state,
        anytime=anytime,
    )


def against(criterion: Criterion, row: MetricRow) -> str:
    """Where a criterion asks for more of what its plan wants less of, or the other way: worse would count as met."""
    asked: Bound = "at_most" if row.direction == "lower" else "at_least"
    if criterion.direction == asked:
        return ""
    return (
        f"The plan says {row.direction} is better of “{row.title}”, and the criterion asks the opposite: "
        f"amend it to ask {BOUNDS[asked]}."
    )


def ends(
    criterion: Criterion, payload: LivePayload, row: MetricRow
) -> tuple[float | None, float | None, float | None, str]:
    if criterion.comparison == "points":
        return row.difference, row.ci_low, row.ci_high, row.method
    if criterion.comparison == "relative":
        return row.relative, row.relative_low, row.relative_high, f"{row.method}, relative to the control"
    if criterion.comparison == "ratio":
        method = f"{row.method}, as a ratio to the control"
        return plus_one(row.relative), plus_one(row.relative_low), plus_one(row.relative_high), method
    is_plain = row.kind == "rate" and row.treatment is not None and payload.method == "fixed_horizon"
    if not is_plain or row.treatment is None:
        return row.treatment, None, None, "the treatment's own figure; for it alone no interval holds at every look"
    rate = wilson_interval(round(row.treatment * row.treatment_n), row.treatment_n, confidence=criterion.level)
    return rate.estimate, rate.ci_low, rate.ci_high, rate.method


def plus_one(value: float | None) -> float | None:
    return None if value is None else 1 + value


def when_read(live: Live, payload: LivePayload) -> tuple[str, bool]:
    """Why more is awaited, empty where nothing is; and whether the interval holds at this look all the same."""
    is_sequence = payload.method == "confidence_sequence"
    crossed = any(look.crossed for look in payload.looks)
    if live.is_over or payload.progress >= 1:
        return "", is_sequence or crossed
    so_far = f"{min(payload.exposed.control, payload.exposed.treatment):,} of {payload.planned_n:,} {units(payload)}"
    return f"It still runs: {so_far} in the smaller arm.", is_sequence or crossed


def of_guardrails(live: Live, payload: LivePayload) -> Observation:
    """Each within its margin; the numbers are those of the one nearest to its margin, or furthest beyond it."""
    if not payload.guardrails:
        return observing.none(f"The plan of {live.test.key} has no guardrail.", n_unit=units(payload))
    known = [one for one in payload.guardrails if one.difference is not None]
    n = payload.exposed.total
    if not known:
        told = "; ".join(one.sentence for one in payload.guardrails if one.sentence) or payload.hidden_why
        if payload.hidden or any(one.status == "watched" for one in payload.guardrails):
            return Observation(state="hidden", why_none=told, n=n, n_unit=units(payload))
        return observing.none(told, n=n, n_unit=units(payload))
    nearest = min(known, key=lambda one: (room(one), one.metric))
    return Observation(
        estimate=nearest.difference,
        ci_low=nearest.ci_low,
        ci_high=nearest.ci_high,
        level=1 - payload.alpha,
        n=n,
        n_unit=units(payload),
        method=f"confidence sequences against each margin; the one nearest to it: {nearest.title}",
        state="final" if live.is_over else "growing",
        why_none="" if live.is_over else "The test still runs.",
        anytime=True,
        parts=tuple(guardrail_part(one, n) for one in payload.guardrails),
    )


def room(one: Guardrail) -> float:
    """How far it may still worsen, as a share of its margin."""
    worsening = (one.difference or 0.0) * (-1 if one.direction == "higher" else 1)
    return (one.margin - worsening) / (one.margin or 1.0)


def guardrail_part(one: Guardrail, n: int) -> Part:
    is_higher = one.direction == "higher"
    return Part(
        name=one.title,
        estimate=one.difference,
        ci_low=one.ci_low,
        ci_high=one.ci_high,
        n=n,
        threshold=-one.margin if is_higher else one.margin,
        direction="at_least" if is_higher else "at_most",
        unit="share" if one.kind == "rate" else "number",
    )
