"""Simulated traffic through the very services that take real traffic: arms are asked for, events sent."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from experiments.live_events import MOST_IN_A_REQUEST
from experiments.models import LiveTest
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_tests.truths import SimulatedUnit, Truth, simulated, wire
from experiments.services.live_traffic import assigning
from experiments.services.live_traffic.ingesting import ingest

UNITS_AT_ONCE = 100
# The last of a unit's events comes so long after its exposure.
SETTLED = timedelta(minutes=6)


@dataclass
class Sent:
    """What was sent and how it was answered."""

    units: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)


def traffic(
    live_test: LiveTest,
    *,
    units: int | tuple[int, int],
    truths: Mapping[str, Truth] | None = None,
    exact: bool = False,
    seed: int,
    first: int = 1,
) -> list[SimulatedUnit]:
    """Who comes, and what they do. Raises TestRefused where the test does not run."""
    test = assigning.known_test(live_test.key)
    if not test.runs:
        raise TestRefused("Start the test first: while it does not run everybody gets control, and nothing is stored.")
    try:
        return simulated(
            test.plan, split=test.split, units=units, truths=truths or {}, exact=exact, seed=seed, first=first
        )
    except KeyError as error:
        known = ", ".join(metric.key for metric in test.plan.metrics)
        raise TestRefused(f"The plan has no metric {error.args[0]!r}, only {known}.") from None


def spread(
    live_test: LiveTest,
    coming: Sequence[SimulatedUnit],
    *,
    start: datetime,
    end: datetime,
    repeated: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sent:
    """All of them, evenly from start to end, the last events at the end. `repeated`: every so many-th event twice."""
    sent, total = Sent(), len(coming)
    room = max(end - start - SETTLED, timedelta())
    for place in range(0, total, UNITS_AT_ONCE):
        chunk = coming[place : place + UNITS_AT_ONCE]
        at = start + room * (place / total)
        send(live_test, chunk, at=at, now=min(at + SETTLED, max(end, at)), sent=sent, repeated=repeated)
        progress(place + len(chunk), total)
    return sent


def send(
    live_test: LiveTest,
    coming: Sequence[SimulatedUnit],
    *,
    at: datetime,
    now: datetime,
    sent: Sent | None = None,
    repeated: int = 0,
) -> Sent:
    """Expose these units at `at`, and send their events as they are known at `now`."""
    sent = Sent() if sent is None else sent
    test = assigning.known_test(live_test.key)
    for attributes, members in alike(coming):
        found = assigning.assign(test=test, unit_ids=[one.unit_id for one in members], attributes=attributes, now=at)
        sent.units.update(one.arm for one in found)
    events = [event for unit in coming for event in timed(unit, live_test.key, at=at, now=now)]
    if repeated:
        events += events[::repeated]
    for place in range(0, len(events), MOST_IN_A_REQUEST):
        answers = ingest(events[place : place + MOST_IN_A_REQUEST], now=now)
        sent.answers.update(answer.status for answer in answers)
    return sent


def alike(coming: Sequence[SimulatedUnit]) -> list[tuple[dict[str, str], list[SimulatedUnit]]]:
    """Units of the same attributes are asked for together."""
    groups: dict[tuple[tuple[str, str], ...], list[SimulatedUnit]] = {}
    for unit in coming:
        groups.setdefault(tuple(sorted(unit.attributes.items())), []).append(unit)
    return [(dict(attributes), members) for attributes, members in groups.items()]


def timed(unit: SimulatedUnit, key: str, *, at: datetime, now: datetime) -> list[dict[str, Any]]:
    """Nothing happens later than it is known."""
    return [
        {**event, "timestamp": min(at + timedelta(minutes=minutes), now).isoformat()}
        for minutes, event in wire(unit, key=key)
    ]
