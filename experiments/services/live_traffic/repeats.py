"""Events that come again: the same content is a duplicate, another one under the same id a conflict."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from evalsite.platform import prepared
from experiments.live_events import Event
from experiments.services.live_traffic import event_rows
from experiments.services.live_traffic.sifting import CONFLICT, DUPLICATE, Answer, Placed, Refusal, Settled

OTHER_CONTENT: Refusal = (
    CONFLICT,
    "an event of this id and another content was taken before: give each event an id of its own",
)


# Names these locks apart from any other advisory lock.
ADVISORY_SPACE = 28
ONE_BY_ONE = "SELECT pg_advisory_xact_lock(%(space)s::int, %(test)s::int)"
# Within it, events of a test are looked up before they are written; else only where the database refuses one.
LOOK_FIRST_FOR = timedelta(minutes=1)
met: dict[str, datetime] = {}


def expect(key: str, now: datetime) -> None:
    """Of a test, in this process: a client that heard no answer, or that sends all it has, sends many more."""
    met[key] = now


def are_expected(key: str, now: datetime) -> bool:
    return key in met and abs(now - met[key]) < LOOK_FIRST_FOR


def wait_for_others(test_id: int) -> None:
    """Until the transaction ends. Two COPYs with the same events, each written by partition in an order of its own,
    could wait for each other; those that look first come here and go one by one."""
    prepared.fetch(ONE_BY_ONE, {"space": ADVISORY_SPACE, "test": test_id % 2**31})


def standing(test_id: int, placed: Sequence[Placed]) -> list[Settled]:
    """The answers of events whose id stands already, whatever their time is by now."""
    found = event_rows.standing(test_id, [one.event.event_id for one in placed])
    return [
        compared(one, is_same=found[one.event.event_id] == event_rows.body_of(one.event))
        for one in placed
        if one.event.event_id in found
    ]


def within(placed: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """The first of each id in a request, and those that come after one."""
    if len({one.event.event_id for one in placed}) == len(placed):
        return list(placed), []
    first: dict[str, Placed] = {}
    again = [one for one in placed if first.setdefault(one.event.event_id, one) is not one]
    return list(first.values()), again


def answered(again: Sequence[Placed], new: Sequence[Placed], settled: Sequence[Settled]) -> list[Settled]:
    """Compared with the first of its id, or answered as that one."""
    if not again:
        return []
    taken = {one.event.event_id: one.event for one in new}
    why = {one.answer.event_id: one.answer for one in settled}
    return [
        compared(one, is_same=is_same(taken[one.event.event_id], one.event))
        if one.event.event_id in taken
        else Settled(one.place, why[one.event.event_id], one.event.unit_id)
        for one in again
    ]


def is_same(first: Event, second: Event) -> bool:
    return event_rows.body_of(first) == event_rows.body_of(second)


def compared(one: Placed, *, is_same: bool) -> Settled:
    if is_same:
        return Settled(one.place, Answer(one.event.event_id, DUPLICATE), one.event.unit_id)
    return Settled.refused(one, OTHER_CONTENT)
