"""Events in: each answered by itself, stored once however often it is sent, counted exactly.

A request is a transaction per test it names. When `ingest` returns outside a transaction, what it says is committed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from psycopg.errors import DeadlockDetected

from experiments import live_events
from experiments.live_events import EXPOSURE, Event, Malformed
from experiments.models import EventBatch, Exposure, LiveTest
from experiments.services.live_traffic import event_rows, refusing
from experiments.services.live_traffic.exposures import Exposed, Seen, expose, stored
from experiments.services.live_traffic.running_tests import RunningTest, running
from experiments.services.live_traffic.sifting import (
    ACCEPTED,
    CONFLICT,
    DUPLICATE,
    MALFORMED,
    NOT_RUNNING,
    UNKNOWN_TEST,
    Answer,
    Refusal,
    Sieve,
    still_taken,
)

__all__ = ["Answer", "ingest"]

ATTEMPTS = 5
OTHER_BODY: Refusal = (CONFLICT, "an event of this id and another content was taken before: give each event its own id")
NO_TEST: Refusal = (UNKNOWN_TEST, "no test has this key")
NOT_REGISTERED: Refusal = (NOT_RUNNING, "the test is a draft")


Refused = list[tuple[int, Answer, str]]


class Placed(NamedTuple):
    """An event beside its place in the request."""

    place: int
    event: Event


def ingest(events: list[dict[str, Any]] | bytes, *, now: datetime, source: str = Exposure.Source.EVENT) -> list[Answer]:
    """One answer per event, in their order. `source` says where exposures among them come from.

    Raises live_events.NotEvents for bytes that are no JSON array.
    """
    raw = live_events.parse(events) if isinstance(events, bytes) else events
    answers = [Answer("", MALFORMED)] * len(raw)
    by_test: dict[str, list[Placed]] = {}
    broken: dict[str, list[tuple[int, Malformed]]] = {}
    for place, one in enumerate(raw):
        event = live_events.read(one)
        if type(event) is Event:
            by_test.setdefault(event.test, []).append(Placed(place, event))
        elif isinstance(event, Malformed):
            broken.setdefault(event.test, []).append((place, event))
    for key in sorted(by_test.keys() | broken.keys()):
        for place, answer in take_again(key, by_test.get(key, []), broken.get(key, []), now, source):
            answers[place] = answer
    return answers


def take_again(
    key: str, placed: list[Placed], broken: list[tuple[int, Malformed]], now: datetime, source: str
) -> list[tuple[int, Answer]]:
    """Where another request commits one of these events between our look and our write, we look again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return take(key, placed, broken, now, source)
        except (IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS or not met_another(error):
                raise
    raise AssertionError("the last attempt returns or raises")


def met_another(error: DatabaseError) -> bool:
    return isinstance(error, IntegrityError) or isinstance(error.__cause__, DeadlockDetected)


def take(
    key: str, placed: list[Placed], broken: list[tuple[int, Malformed]], now: datetime, source: str
) -> list[tuple[int, Answer]]:
    test = running(key) if key else None
    test_id = test.test_id if test else draft_of(key)
    refused = [(place, Answer(one.event_id, MALFORMED, one.reason), one.unit_id) for place, one in broken]
    taken: list[tuple[int, Answer]] = []
    new: list[Event] = []
    if refusal := why_none_is_taken(test, now, is_draft=test_id is not None):
        refused += all_refused(placed, refusal)
    elif test is not None:
        fit, unfit = sift(test, placed, now, source)
        new, taken, other = without_repeated(test.test_id, fit)
        refused += unfit + other
    note(test_id, new, [answer for _, answer in taken], refused, now)
    return taken + [(place, answer) for place, answer, _ in refused]


def draft_of(key: str) -> int | None:
    return LiveTest.objects.filter(key=key).values_list("pk", flat=True).first() if key else None


def why_none_is_taken(test: RunningTest | None, now: datetime, *, is_draft: bool) -> Refusal | None:
    if test is None:
        return NOT_REGISTERED if is_draft else NO_TEST
    return still_taken(test, now)


def all_refused(placed: Iterable[Placed], refusal: Refusal) -> Refused:
    return [(place, Answer(event.event_id, *refusal), event.unit_id) for place, event in placed]


def sift(test: RunningTest, placed: Sequence[Placed], now: datetime, source: str) -> tuple[list[Placed], Refused]:
    """Exposures first, since the other events of their units may stand before them."""
    sieve = Sieve.of(test, now)
    fit: list[Placed] = []
    refused: Refused = []
    seen: list[Seen] = []
    units: set[str] = set()
    for one in placed:
        event = one.event
        if event.name != EXPOSURE:
            units.add(event.unit_id)
        elif refusal := sieve.exposure(event):
            refused += all_refused([one], refusal)
        else:
            seen.append(Seen(event.unit_id, event.at, event.arm, event.properties))
            fit.append(one)
    exposed: dict[str, Exposed] = expose(test.test_id, test.plan, test.split, seen, source) if seen else {}
    if missing := units - exposed.keys():
        exposed |= stored(test.test_id, missing)
    for one in placed:
        if one.event.name == EXPOSURE:
            continue
        if refusal := sieve.other(one.event, exposed.get(one.event.unit_id)):
            refused += all_refused([one], refusal)
        else:
            fit.append(one)
    return fit, refused


def without_repeated(test_id: int, placed: Sequence[Placed]) -> tuple[list[Event], list[tuple[int, Answer]], Refused]:
    """The events that are new, the answers of those and of repeated ones, and ids that stand for something else."""
    standing = event_rows.standing(test_id, [event.event_id for _, event in placed]) if placed else {}
    new: dict[str, Event] = {}
    taken: list[tuple[int, Answer]] = []
    other: Refused = []
    for place, event in placed:
        if event.event_id in standing:
            known = standing[event.event_id] == event_rows.body_of(event)
        elif event.event_id in new:
            known = event_rows.body_of(new[event.event_id]) == event_rows.body_of(event)
        else:
            new[event.event_id] = event
            taken.append((place, Answer(event.event_id, ACCEPTED)))
            continue
        if known:
            taken.append((place, Answer(event.event_id, DUPLICATE)))
        else:
            other += all_refused([Placed(place, event)], OTHER_BODY)
    return list(new.values()), taken, other


def note(test_id: int | None, new: list[Event], taken: list[Answer], refused: Refused, now: datetime) -> None:
    """The batch with its counts, its events, and what of it was refused."""
    counts = Counter(answer.status for answer in taken if answer.status != ACCEPTED)
    counts.update(answer.status for _, answer, _ in refused)
    batch = EventBatch.objects.create(
        live_test_id=test_id, n=len(new), counts=dict(counts), received_at=now, folded_at=None if new else now
    )
    if new and test_id is not None:
        event_rows.write(test_id, batch.pk, new, received_at=now)
    if refused:
        refusing.keep(test_id, [(answer, unit) for _, answer, unit in refused], now=now)
