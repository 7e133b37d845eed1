"""Traffic of the shipped example's live tests: invented visitors with a known truth, sent by the real services."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, groupby
from random import Random
from typing import Any

from django.db import transaction

from experiments.live_plan import Plan
from experiments.models import Exposure, LiveTest
from experiments.services.live_traffic.exposures import Seen, expose, rule
from experiments.services.live_traffic.ingesting import ingest

ARMS = ("control", "treatment")
WINDOW = timedelta(hours=6)
DAY = timedelta(days=1)
# How much comes in each hour of a day, from midnight.
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 10, 11, 12, 11, 10, 9, 8, 8, 7, 6, 4, 3)


@dataclass(frozen=True)
class Truth:
    """What is so in one arm: `completed` of its `units` exactly, the rest by chance."""

    units: int
    completed: int
    escalated: float
    rating: tuple[int, int, int, int, int]
    turns: float
    latency_ms: float


@dataclass(frozen=True)
class Visitor:
    unit: str
    arm: str
    at: datetime
    tier: str
    events: list[tuple[str, datetime, float | None]] = field(default_factory=list)


def visitors(
    plan: Plan, split: float, truths: dict[str, Truth], *, start: datetime, end: datetime, rng: Random
) -> list[Visitor]:
    """Exactly as many per arm as the truth says, each where the rule puts it, in the order of their first visit."""
    # Apart from the rest: how often a time of day is drawn depends on when the example is loaded.
    times = Random(rng.random())  # noqa: S311
    found: list[Visitor] = []
    for arm, units in units_of(plan, split, {arm: truth.units for arm, truth in truths.items()}).items():
        completed = set(rng.sample(units, truths[arm].completed))
        for unit in units:
            visitor = Visitor(unit, arm, moment(start, end, times), rng.choices(["free", "pro"], [7, 3])[0])
            visitor.events.extend(does(visitor, truths[arm], completes=unit in completed, rng=rng))
            found.append(visitor)
    return sorted(found, key=lambda one: (one.at, one.unit))


def units_of(plan: Plan, split: float, wanted: dict[str, int]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {arm: [] for arm in ARMS}
    for number in count(1):
        unit = f"visitor-{number:05}"
        arm = rule(plan, split, unit)
        if len(found[arm]) < wanted[arm]:
            found[arm].append(unit)
        if all(len(found[arm]) == wanted[arm] for arm in ARMS):
            return found
    raise AssertionError("the numbers do not end")


def moment(start: datetime, end: datetime, rng: Random) -> datetime:
    """More by day than by night."""
    while True:
        at = start + (end - start) * rng.random()
        if rng.random() * max(BY_HOUR) < BY_HOUR[at.hour]:
            return at


def does(
    visitor: Visitor, truth: Truth, *, completes: bool, rng: Random
) -> Iterator[tuple[str, datetime, float | None]]:
    at = visitor.at + timedelta(seconds=rng.uniform(1, 4))
    yield "reply", at, round(truth.latency_ms * rng.lognormvariate(0, 0.35))
    at += timedelta(seconds=rng.uniform(20, 600))
    if completes:
        yield "task_completed", at, 1 + min(20, int(rng.expovariate(1 / truth.turns)))
    elif rng.random() < truth.escalated / (1 - truth.completed / truth.units):
        yield "escalated", at, None
    if rng.random() < 0.3:
        yield "rated", at + timedelta(seconds=rng.uniform(5, 60)), rng.choices(range(1, 6), truth.rating)[0]


def send(live_test: LiveTest, plan: Plan, found: list[Visitor], *, start: datetime, end: datetime) -> None:
    """Window by window under a simulated clock, as it would have come in."""
    for window, some in groupby(found, key=lambda one: int((one.at - start) / WINDOW)):
        now = min(start + (window + 1) * WINDOW, end)
        part = list(some)
        with transaction.atomic():
            seen = [Seen(one.unit, one.at, segment={"tier": one.tier}) for one in part]
            expose(live_test.pk, plan, live_test.split, seen, Exposure.Source.ASSIGNED)
        ingest([event_of(live_test.key, one, place) for one in part for place in range(len(one.events))], now=now)


def event_of(key: str, visitor: Visitor, place: int) -> dict[str, Any]:
    name, at, value = visitor.events[place]
    event = {
        "event_id": f"{key}-{visitor.unit}-{place}",
        "event": name,
        "experiment": key,
        "unit_id": visitor.unit,
        "timestamp": at.isoformat(),
    }
    return event if value is None else event | {"value": value}


def mishaps(key: str, found: list[Visitor], *, now: datetime, rng: Random) -> list[dict[str, Any]]:
    """What goes wrong in every real test: sent twice, too late, wrongly, for strangers, by a client's own router."""
    again = [event_of(key, one, 0) for one in rng.sample(found, 60)]
    old = [one for one in found if now - one.at > 8 * DAY]
    late = [
        event_of(key, one, 0) | {"event_id": f"{key}-late-{one.unit}"} for one in rng.sample(old, min(14, len(old)))
    ]
    broken = [event_of(key, one, 0) | {"event_id": f"{key}-nan-{one.unit}", "value": "fast"} for one in found[-5:]]
    strangers = [
        {**event_of(key, found[-1], 0), "event_id": f"{key}-stranger-{n}", "unit_id": f"robot-{n}"} for n in range(9)
    ]
    return [*again, *late, *broken, *strangers]


def both_arms(key: str, *, at: datetime, n: int) -> list[dict[str, Any]]:
    """Visitors to whom a client that knows no plan showed both arms."""
    return [
        {
            "event_id": f"{key}-both-{number}-{arm}",
            "event": "exposure",
            "experiment": key,
            "unit_id": f"shared-device-{number}",
            "timestamp": (at + timedelta(seconds=place)).isoformat(),
            "properties": {"arm": arm},
        }
        for number in range(n)
        for place, arm in enumerate(ARMS)
    ]
