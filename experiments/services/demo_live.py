"""The live tests of the shipped example: one that decides, one that still hides its direction, and a draft.

Each step looks at what is there first, so loading twice, or after an interruption, makes nothing double.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from evalsite.platform.models import User
from experiments.live_plan import Plan
from experiments.models import Experiment, LiveResult, LiveTest, RefusedEvent
from experiments.services import live_results
from experiments.services.demo import EXPERIMENT
from experiments.services.demo_traffic import Truth, both_arms, mishaps, send, visitors
from experiments.services.live_tests import drafting, registering, running
from experiments.services.live_traffic.folding import fold
from experiments.services.live_traffic.ingesting import ingest

COMPLETION = {
    "key": "completion",
    "title": "Task completion",
    "role": "primary",
    "kind": "rate",
    "event": "task_completed",
}
RATING = {
    "key": "rating",
    "title": "Satisfaction",
    "kind": "mean",
    "event": "rated",
    "per": "unit_with_event",
    "unit": "stars",
}
TURNS = {
    "key": "turns",
    "title": "Turns to resolution",
    "kind": "mean",
    "event": "task_completed",
    "per": "unit_with_event",
    "direction": "lower",
    "cap": 15.0,
    "unit": "turns",
}
ESCALATION = {
    "key": "escalation",
    "title": "Escalated to a person",
    "role": "guardrail",
    "kind": "rate",
    "event": "escalated",
    "direction": "lower",
    "margin": 0.02,
}
LATENCY = {
    "key": "latency_p95",
    "title": "Latency P95",
    "role": "guardrail",
    "kind": "quantile",
    "event": "reply",
    "q": 0.95,
    "direction": "lower",
    "unit": "ms",
    "margin": 400.0,
}
CONTROL = Truth(units=6_200, completed=4_421, escalated=0.062, rating=(4, 7, 19, 40, 30), turns=4.2, latency_ms=1_180)
TREATMENT = Truth(units=1_550, completed=1_223, escalated=0.051, rating=(3, 5, 16, 41, 35), turns=4.0, latency_ms=1_310)


@dataclass(frozen=True)
class Example:
    """`running` is how long it has run; None for a draft. `truths`: what is so in each arm."""

    key: str
    name: str
    seed: int
    draft: dict[str, Any]
    running: timedelta | None = None
    truths: dict[str, Truth] | None = None
    has_mishaps: bool = False


EXAMPLES = (
    Example(
        key="support-bot-v2",
        name="Support bot v2 for a fifth of all visitors",
        seed=11,
        draft={
            "metrics": [COMPLETION, RATING, TURNS, ESCALATION, LATENCY],
            "baseline": 0.71,
            "mde": 0.05,
            "days": 21,
            "routing": {"salt": "demo-2", "split": 0.2},
            "segments": ["tier"],
        },
        running=timedelta(days=12),
        truths={"control": CONTROL, "treatment": TREATMENT},
        has_mishaps=True,
    ),
    Example(
        key="shorter-greeting",
        name="A shorter greeting",
        seed=12,
        draft={
            "metrics": [COMPLETION, ESCALATION],
            "baseline": 0.71,
            "mde": 0.04,
            "days": 14,
            "routing": {"salt": "demo-3", "split": 0.5},
            "method": "fixed_horizon",
        },
        running=timedelta(hours=20),
        truths={
            "control": Truth(
                units=118, completed=84, escalated=0.06, rating=(4, 7, 19, 40, 30), turns=4.2, latency_ms=1_180
            ),
            "treatment": Truth(
                units=121, completed=88, escalated=0.06, rating=(4, 7, 19, 40, 30), turns=4.1, latency_ms=1_160
            ),
        },
    ),
    Example(
        key="all-visitors",
        name="Support bot v2 for half of all visitors",
        seed=13,
        draft={
            "metrics": [COMPLETION, LATENCY],
            "baseline": 0.71,
            "mde": 0.03,
            "days": 28,
            "routing": {"salt": "demo-4", "split": 0.5},
            "method": "group_sequential",
        },
    ),
)


def load(*, now: datetime) -> None:
    """The experiment must be there."""
    experiment = Experiment.objects.select_related("baseline", "candidate").get(name=EXPERIMENT)
    lead = User.objects.filter(username="lead").first()
    for example in EXAMPLES:
        live_test = planned(example, experiment, lead=lead, now=now)
        if example.running and not LiveResult.objects.filter(live_test=live_test).exists():
            feed(example, live_test, now=now)


def planned(example: Example, experiment: Experiment, *, lead: User | None, now: datetime) -> LiveTest:
    started = now - (example.running or timedelta())
    found = drafted(example, experiment, lead=lead, now=now)
    if example.running and found.status == LiveTest.Status.DRAFT:
        registering.register(live_test=found, registered_by=lead, now=started - timedelta(hours=1))
    if example.running and found.started_at is None:
        running.start(live_test=found, actor=lead, now=started)
        found.refresh_from_db()
    return found


def drafted(example: Example, experiment: Experiment, *, lead: User | None, now: datetime) -> LiveTest:
    started = now - (example.running or timedelta())
    return LiveTest.objects.filter(key=example.key).first() or drafting.create(
        name=example.name,
        key=example.key,
        control=experiment.baseline,
        treatment=experiment.candidate,
        draft=example.draft,
        experiment=experiment,
        token=uuid5(NAMESPACE_URL, example.key),
        created_by=lead,
        now=started - timedelta(hours=2),
    )


def feed(example: Example, live_test: LiveTest, *, now: datetime) -> None:
    """Ids of events follow from the seed, so an interrupted load that goes on counts none twice."""
    rng = Random(example.seed)  # noqa: S311 the same visitors at every load, nothing that must be secret
    plan = Plan.from_dict(live_test.plan.body)
    start = live_test.started_at or now
    end = now - timedelta(minutes=15)
    found = visitors(plan, live_test.split, example.truths or {}, start=start, end=end, rng=rng)
    send(live_test, plan, found, start=start, end=now)
    if example.has_mishaps and not RefusedEvent.objects.filter(live_test=live_test).exists():
        ingest(mishaps(live_test.key, found, now=now, rng=rng), now=now)
        ingest(both_arms(live_test.key, at=end, n=4), now=now)
    fold(live_test.pk, now=now)
    live_results.calculate(live_test=live_test, now=now)
