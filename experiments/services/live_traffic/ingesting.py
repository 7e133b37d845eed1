"""Events in: each answered by itself, stored once however often it is sent, counted exactly.

A request is a transaction per test it names. When `ingest` returns outside a transaction, what it says is committed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from psycopg.errors import DeadlockDetected

from evalsite.platform import prepared
from experiments import live_events
from experiments.live_events import EXPOSURE, Event, Malformed
from experiments.models import Exposure, LiveTest
from experiments.services.live_traffic import event_rows, known_units, refusing, repeats
from experiments.services.live_traffic.exposures import Exposed, Seen, expose
from experiments.services.live_traffic.running_tests import RunningTest, running
from experiments.services.live_traffic.sifting import (
    ACCEPTED,
    MALFORMED,
    NOT_RUNNING,
    UNKNOWN_TEST,
    Answer,
    Placed,
    Refusal,
    Settled,
    Sieve,
    still_taken,
)

__all__ = ["Answer", "ingest"]

ATTEMPTS = 5
BATCH = """
INSERT INTO experiments_eventbatch (live_test_id, n, counts, received_at, folded_at)
VALUES (%(test)s, %(n)s, %(counts)s::jsonb, %(now)s, %(folded_at)s) RETURNING id
"""
NO_TEST: Refusal = (UNKNOWN_TEST, "no test has this key")
A_DRAFT: Refusal = (NOT_RUNNING, "the test is a draft")


def ingest(events: list[dict[str, Any]] | bytes, *, now: datetime, source: str = Exposure.Source.EVENT) -> list[Answer]:
    """As `take_all`. Raises live_events.NotEvents for bytes that are no JSON array."""
    read = live_events.read_body(events) if isinstance(events, bytes) else [live_events.read(one) for one in events]
    return take_all(read, now=now, source=source)


def take_all(read: Sequence[Event | Malformed], *, now: datetime, source: str = Exposure.Source.EVENT) -> list[Answer]:
    """One answer per event, in their order. `source` says where exposures among them come from."""
    answers = [Answer("", MALFORMED)] * len(read)
    for key, (placed, broken) in by_test(read).items():
        new, settled = take_again(key, placed, broken, now, source)
        for one in new:
            answers[one.place] = Answer(one.event.event_id, ACCEPTED)
        for other in settled:
            answers[other.place] = other.answer
    return answers


def by_test(read: Sequence[Event | Malformed]) -> dict[str, tuple[list[Placed], list[Settled]]]:
    """By the key of the test, in a fixed order. Unknown keys stand together, so that many are one transaction."""
    parts: dict[str, tuple[list[Placed], list[Settled]]] = {}
    for place, one in enumerate(read):
        if one.test not in parts:
            parts[one.test] = ([], [])
        if isinstance(one, Malformed):
            settled = Settled(place, Answer(one.event_id, MALFORMED, one.reason), one.unit_id)
            parts[one.test][1].append(settled)
        else:
            parts[one.test][0].append(Placed(place, one))
    if len(parts) < 2:
        return parts
    known = set(LiveTest.objects.filter(key__in=parts).values_list("key", flat=True))
    unknown = [parts.pop(key) for key in parts.keys() - known]
    together = [one for placed, _ in unknown for one in placed], [one for _, broken in unknown for one in broken]
    return ({"": together} if unknown else {}) | dict(sorted(parts.items()))


def take_again(
    key: str, placed: list[Placed], broken: list[Settled], now: datetime, source: str
) -> tuple[list[Placed], list[Settled]]:
    """At first as if no event stood already, for most do not; where one does, everything again, looking first."""
    looks = repeats.are_expected(key, now)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return take(key, placed, broken, now, source, looks=looks)
        except (IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS or not met_another(error):
                raise
            repeats.expect(key, now)
            looks = True
    raise AssertionError("the last attempt returns or raises")


def met_another(error: DatabaseError) -> bool:
    return isinstance(error, IntegrityError) or isinstance(error.__cause__, DeadlockDetected)


def take(
    key: str, placed: list[Placed], broken: list[Settled], now: datetime, source: str, *, looks: bool
) -> tuple[list[Placed], list[Settled]]:
    """The events that are stored now, and the answers of all others."""
    test = running(key) if key else None
    if test is None:
        draft = LiveTest.objects.filter(key=key).values_list("pk", flat=True).first() if key else None
        refusal = A_DRAFT if draft else NO_TEST
        new: list[Placed] = []
        settled = broken + [Settled.refused(one, refusal) for one in placed]
        note(draft, new, settled, now)
    else:
        new, settled = settle(test, placed, now, source, looks=looks)
        settled = broken + settled
        note(test.test_id, new, settled, now)
    return new, settled


def settle(
    test: RunningTest, placed: Sequence[Placed], now: datetime, source: str, *, looks: bool
) -> tuple[list[Placed], list[Settled]]:
    """The events to store, and the answers of all others."""
    if looks:
        repeats.wait_for_others(test.test_id)
    standing = repeats.standing(test.test_id, placed) if looks else []
    firsts, again = repeats.within(without(placed, standing))
    if refusal := still_taken(test, now):
        new, refused = list[Placed](), [Settled.refused(one, refusal) for one in firsts]
    else:
        new, refused = sift(test, firsts, now, source)
    if refused and not looks:
        # It was taken while it could be, and is not refused now for being sent again too late.
        places = {one.place for one in refused}
        standing = repeats.standing(test.test_id, [one for one in firsts if one.place in places])
        refused = [one for one in refused if one.place not in {stood.place for stood in standing}]
    return new, standing + refused + repeats.answered(again, new, refused + standing)


def without(placed: Sequence[Placed], settled: Sequence[Settled]) -> Sequence[Placed]:
    places = {one.place for one in settled}
    return [one for one in placed if one.place not in places] if places else placed


def sift(test: RunningTest, placed: Sequence[Placed], now: datetime, source: str) -> tuple[list[Placed], list[Settled]]:
    """Exposures first, since the other events of their units may stand before them."""
    sieve = Sieve.of(test, now)
    new: list[Placed] = []
    refused: list[Settled] = []
    exposures = [one for one in placed if one.event.name == EXPOSURE]
    others = [one for one in placed if one.event.name != EXPOSURE] if exposures else placed
    for one in exposures:
        if refusal := sieve.exposure(one.event):
            refused.append(Settled.refused(one, refusal))
        else:
            new.append(one)
    exposed = exposed_units(test, new, others, source, now)
    oldest, latest = sieve.usual
    for one in others:
        unit, at = exposed.get(one.event.unit_id), one.event.at
        if unit is not None and unit.exposed_at <= at <= latest and oldest <= at:
            new.append(one)
        elif refusal := sieve.other(one.event, unit):
            refused.append(Settled.refused(one, refusal))
        else:
            new.append(one)
    return new, refused


def exposed_units(
    test: RunningTest, exposures: Sequence[Placed], others: Sequence[Placed], source: str, now: datetime
) -> Mapping[str, Exposed]:
    """By a client's clock that is fast nobody was exposed later than now, which would shut out what comes next."""
    units = {one.event.unit_id for one in others}
    if not exposures:
        return known_units.look_up(test, units)
    events = [one.event for one in exposures]
    seen = [Seen(event.unit_id, min(event.at, now), event.arm, event.properties) for event in events]
    exposed = expose(test.test_id, test.plan, test.split, seen, source)
    return {**known_units.look_up(test, units - exposed.keys()), **exposed}


def note(test_id: int | None, new: Sequence[Placed], settled: Sequence[Settled], now: datetime) -> None:
    """The batch with its counts, its events, and what of it was refused."""
    counts = orjson.dumps(Counter(one.answer.status for one in settled)).decode() if settled else "{}"
    values = {"test": test_id, "n": len(new), "counts": counts, "now": now, "folded_at": None if new else now}
    [[batch]] = prepared.fetch(BATCH, values)
    if new and test_id is not None:
        event_rows.write(test_id, batch, [one.event for one in new], received_at=now)
    refusing.keep(test_id, [one for one in settled if not one.is_repeated], now=now)
