"""Events as bytes of PostgreSQL's binary COPY, and those that stand already."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, repeat
from operator import attrgetter
from struct import Struct

import orjson
from django.db import connection

from evalsite.platform import prepared
from experiments.importers.pair_rows import HEAD, TAIL
from experiments.live_events import PROPERTIES_BYTES, Event

COPY = (
    "COPY experiments_liveevent (live_test_id, batch_id, received_at, at, event_id, name, unit_id, conversation_id, "
    "value, properties) FROM STDIN (FORMAT BINARY)"
)
# One id after the other: each finds its partition by itself, where a list of ids would be looked up in all eight. And
# as JSON, since the driver takes longer to write an array than the server to look all of it up.
STANDING = """
SELECT event.* FROM json_array_elements_text(%(ids)s::json) AS asked (id)
CROSS JOIN LATERAL (
    SELECT event_id, name, unit_id, conversation_id, at, value, properties::text FROM experiments_liveevent
    WHERE live_test_id = %(test)s AND event_id = asked.id OFFSET 0
) AS event
"""
# Ten fields; each as its length and its value. Times count microseconds from 2000.
START = Struct("!hiqiqiqi").pack
TIME = Struct("!q").pack
# As bytes, by the length; the longest field is the properties and a byte before them.
LENGTHS = [Struct("!i").pack(n) for n in range(PROPERTIES_BYTES + 2)]
NUMBER = Struct("!id").pack
NULL = Struct("!i").pack(-1)
EPOCH, MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

EVENT_ID = attrgetter("event_id")
# About as many as the driver gathers before it sends any.
ROWS_SENT = 150

Body = tuple[str, str, str, datetime, float | None, object]


def write(test_id: int, batch_id: int, events: Sequence[Event], *, received_at: datetime) -> None:
    """Ordered by id, so that two requests with the same events never wait for each other."""
    start = row_start(test_id, batch_id, received_at)
    rows = map(row, repeat(start), sorted(events, key=EVENT_ID))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY) as copy:
        copy.write(HEAD)
        # In parts: the server stores one while the next is made.
        while part := b"".join(islice(rows, ROWS_SENT)):
            copy.write(part)
        copy.write(TAIL)


def row_start(test_id: int, batch_id: int, received_at: datetime) -> bytes:
    """What all rows of a batch begin with, up to the length of the next field, the time."""
    return START(10, 8, test_id, 8, batch_id, 8, (received_at - EPOCH) // MICROSECOND, 8)


def row(start: bytes, event: Event) -> bytes:
    data, named, unit = event.event_id.encode(), event.name.encode(), event.unit_id.encode()
    conversation, value, body = event.conversation_id.encode(), event.value, event.body
    return b"".join(
        (
            start,
            TIME((event.at - EPOCH) // MICROSECOND),
            LENGTHS[len(data)],
            data,
            LENGTHS[len(named)],
            named,
            LENGTHS[len(unit)],
            unit,
            LENGTHS[len(conversation)],
            conversation,
            NULL if value is None else NUMBER(8, value),
            LENGTHS[len(body) + 1],
            b"\x01",
            body,
        )
    )


def standing(test_id: int, ids: Iterable[str]) -> dict[str, Body]:
    """By id, what an event says that was taken before."""
    rows = prepared.fetch(STANDING, {"test": test_id, "ids": orjson.dumps(list(ids)).decode()})
    return {event_id: (*body, orjson.loads(properties)) for event_id, *body, properties in rows}


def body_of(event: Event) -> Body:
    """As `standing` gives it: numbers that JSON cannot tell apart are the same."""
    return (
        event.name, event.unit_id, event.conversation_id, event.at, event.value, orjson.loads(event.body),
    )  # fmt: skip
