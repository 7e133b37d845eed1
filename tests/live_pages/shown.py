"""A live test with a result as the workers write it, every part of it present."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from experiments.models import LivePlan, LiveResult, LiveTest
from experiments.reports.live.payload import (
    Bin,
    Distribution,
    ExposedInStep,
    ExposureChart,
    Figure,
    Guardrail,
    HealthCheck,
    LivePayload,
    Look,
    MetricRow,
    PerArm,
    Phase,
    Point,
    SegmentRow,
    Series,
)
from experiments.reports.live_plans import drafted_plan
from tests.factories.experiments_ import make_model_version
from tests.factories.platform_ import NOW

EXPOSED = PerArm(control=6_200, treatment=1_550)
COMPLETION = MetricRow(
    key="completed",
    title="Task completed",
    role="primary",
    kind="rate",
    control_n=6_200,
    treatment_n=1_550,
    control=0.713,
    treatment=0.789,
    difference=0.076,
    ci_low=0.0521,
    ci_high=0.0985,
    relative=0.1066,
    relative_low=0.072,
    relative_high=0.141,
    p_value=1.8e-9,
    p_corrected=3.6e-9,
    significant=True,
    verdict="better",
    method="two-proportion z test; Newcombe’s interval",
    z=6.01,
    sentence="Treatment completes more tasks.",
)
TURNS = MetricRow(
    key="turns",
    title="Turns to resolution",
    role="secondary",
    kind="mean",
    unit="turns",
    direction="lower",
    control_n=4_421,
    treatment_n=1_223,
    control=6.42,
    treatment=6.31,
    difference=-0.11,
    ci_low=-0.29,
    ci_high=0.07,
    relative=-0.017,
    relative_low=-0.045,
    relative_high=0.011,
    p_value=0.233,
    p_corrected=0.233,
    significant=False,
    verdict="no_difference_shown",
    method="Welch’s t",
    left_out=2_106,
    capped=12,
    uncapped_difference=-0.13,
    cuped_reduction=0.21,
    warnings=("The largest value is 40 times the median: the mean rests on few units.",),
)
LATENCY = MetricRow(
    key="latency_p95",
    title="Latency P95",
    role="guardrail",
    kind="quantile",
    unit="ms",
    direction="lower",
    control_n=6_180,
    treatment_n=1_548,
    control=1_840.0,
    treatment=2_112.0,
    difference=272.0,
    ci_low=211.0,
    ci_high=334.0,
    relative=0.148,
    relative_low=0.113,
    relative_high=0.183,
    p_value=0.0004,
    significant=True,
    verdict="worse",
    method="cluster bootstrap of the quantile",
)


def make_health() -> tuple[HealthCheck, ...]:
    return (
        HealthCheck(
            key="srm",
            title="Split as planned",
            status="ok",
            sentence="6,200 to 1,550 is what a split of 20% gives.",
            figures=(Figure(label="p", value="1"),),
        ),
        HealthCheck(
            key="both_arms",
            title="Units in both arms",
            status="ok",
            sentence="3 units were seen in both arms and are left out.",
        ),
        HealthCheck(
            key="no_events", title="Exposed without events", status="ok", sentence="2.1% of the units sent no event."
        ),
        HealthCheck(
            key="refused",
            title="Refused events",
            status="warning",
            sentence="412 events (3.1%) came later than the plan allows.",
            figures=(Figure(label="late", value="412"), Figure(label="malformed", value="7")),
            ways_out=("Let clients send within seven days.", "Look at the list for the client that sends them."),
        ),
        HealthCheck(
            key="duplicates", title="Duplicates", status="ok", sentence="120 events came twice and count once."
        ),
        HealthCheck(key="bots", title="Bot-like units", status="unknown", sentence="Not counted yet."),
    )


def make_series(row: MetricRow) -> Series:
    points = tuple(
        Point(
            at=NOW + timedelta(hours=6 * number),
            n=130 * number,
            estimate=(row.difference or 0) * (1 + math.sin(number) / number),
            low=(row.difference or 0) - abs(row.difference or 1) * 4 / math.sqrt(number),
            high=(row.difference or 0) + abs(row.difference or 1) * 4 / math.sqrt(number),
        )
        for number in range(1, 60)
    )
    caption = "The sequence left zero after 12 hours and has not come back."
    return Series(metric=row.key, title=row.title, basis="looks", points=points, caption=caption)


def make_payload(key: str = "support-reply", **fields: Any) -> LivePayload:
    steps = tuple(
        ExposedInStep(at=NOW + timedelta(hours=n), control=100 + 60 * (n % 24 > 8), treatment=25 + 15 * (n % 24 > 8))
        for n in range(72)
    )
    bins = tuple(
        Bin(
            low=n,
            high=n + 1,
            control=900 - 90 * n,
            treatment=250 - 26 * n,
            control_share=0.2 - 0.02 * n,
            treatment_share=0.21 - 0.022 * n,
        )
        for n in range(9)
    )
    payload = LivePayload(
        key=key,
        status="running",
        method="confidence_sequence",
        plan_sha256="7" * 64,
        control_name="support-v1",
        treatment_name="support-v2",
        computed_at=NOW,
        exposed=EXPOSED,
        planned_n=2_000,
        progress=0.775,
        days_running=14.8,
        eta_days=4.3,
        headline="Treatment completes more tasks: 78.9% against 71.3%, +7.6 points (95% interval +5.2 to +9.9).",
        health=make_health(),
        metrics=(COMPLETION, TURNS, LATENCY),
        correction="holm",
        over_time=(make_series(COMPLETION), make_series(LATENCY)),
        distributions=(
            Distribution(
                metric="turns",
                title="Turns to resolution",
                unit="turns",
                bins=bins,
                caption="Most need fewer than four.",
            ),
        ),
        exposures_per_hour=ExposureChart(steps=steps, caption="About 150 units an hour by day, in the planned shares."),
        segments=tuple(SegmentRow(attribute="country", value=value, row=COMPLETION) for value in ("DE", "FR", "PL")),
        guardrails=(
            Guardrail(
                metric="latency_p95",
                title="Latency P95",
                unit="ms",
                kind="quantile",
                direction="lower",
                status="breached",
                margin=200.0,
                difference=272.0,
                ci_low=211.0,
                ci_high=334.0,
                stops=False,
                sentence="Shown to be more than 200 ms slower.",
            ),
        ),
        looks=(Look(number=1, at=NOW, n=1_000, information=0.25, bound=4.05, z=3.1, crossed=False),),
        phases=(
            Phase(since=NOW, split=0.1, units=PerArm(control=3_000, treatment=400)),
            Phase(since=NOW + timedelta(days=3), split=0.25, units=PerArm(control=3_200, treatment=1_150)),
        ),
        events=21_904,
        events_waiting=12,
        notes=("Units in both arms are left out.",),
    )
    return replace(payload, **fields)


METRICS = [
    {"key": "completed", "title": "Task completed", "role": "primary", "kind": "rate", "event": "task_completed"},
    {
        "key": "turns",
        "title": "Turns to resolution",
        "role": "secondary",
        "kind": "mean",
        "event": "resolved",
        "per": "unit_with_event",
        "unit": "turns",
        "direction": "lower",
    },
    {
        "key": "latency_p95",
        "title": "Latency P95",
        "role": "guardrail",
        "kind": "quantile",
        "event": "reply",
        "q": 0.95,
        "unit": "ms",
        "direction": "lower",
        "margin": 200.0,
    },
]
PLAN: dict[str, Any] = {
    "metrics": METRICS,
    "mde": 0.05,
    "baseline": 0.71,
    "n_per_arm": 2_000,
    "days": 20,
    "routing": {"salt": "a1b2", "split": 0.2},
    "segments": ["country"],
    "guardrail_stops": True,
}


def make_live_test(*, key: str = "support-reply", status: str = "running", **fields: Any) -> LiveTest:
    """Without the services that plan and start it: pages read rows."""
    made = LiveTest.objects.create(
        key=key,
        name=fields.pop("name", "Support replies"),
        control=fields.pop("control", None) or make_model_version(),
        treatment=fields.pop("treatment", None) or make_model_version(),
        status=status,
        split=PLAN["routing"]["split"],
        created_at=NOW,
        started_at=None if status in ("draft", "registered") else NOW,
        draft=PLAN,
        **fields,
    )
    if status != "draft":
        plan = drafted_plan(made)
        LivePlan.objects.create(live_test=made, body=plan.to_dict(), sha256=plan.sha256, registered_at=NOW)
    return made


def make_result(live_test: LiveTest, payload: LivePayload | None = None, *, at: datetime = NOW) -> LiveResult:
    found = payload or make_payload(live_test.key)
    return LiveResult.objects.create(live_test=live_test, payload=found.to_dict(), computed_at=at)
