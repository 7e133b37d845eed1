"""Taking events, 500 at a time, beside raw COPY of the same rows into the same table, 500 at a time.

Raw rows are encoded beforehand and not looked at; ours are read from JSON, checked, compared with what stands already
and with their unit's exposure, and each is answered.
"""

import http.client
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, connections, transaction
from django.utils import timezone

from benchmarks.live_traffic import METRICS, make_test, make_token
from benchmarks.stack import HOST, Stack, running
from benchmarks.table import Row
from experiments import live_events
from experiments.importers.pair_rows import HEAD, TAIL
from experiments.live_events import Event
from experiments.models import LiveEvent, LiveTest
from experiments.services.live_traffic import event_rows, folding
from experiments.services.live_traffic.ingesting import ingest

BATCH, BATCHES, CLIENTS = 500, 200, 4
UNITS = 20_000
LEAST_RATIO = 0.5
# Never asked for while this measures: rows of the yardstick belong to no test.
NO_TEST = 2**40
NAMES = ("task_completed", "answered", "rated", "escalated")


def rows() -> Iterable[Row]:
    with running(workers=0, environment={"EVENTS_PER_MINUTE": str(10**9)}) as stack:
        try:
            test = make_test(units=UNITS)
            yield from taken(test, stack)
            yield from repeated(test)
            yield from folded(test)
        finally:
            connections.close_all()


def made_up(count: int, *, key: str, rng: random.Random, at: datetime, units: int = UNITS) -> list[dict[str, Any]]:
    """As clients write them: about 260 bytes each, ids in no order."""
    return [
        {
            "event_id": str(UUID(int=rng.getrandbits(128))),
            "event": rng.choice(NAMES),
            "experiment": key,
            "unit_id": f"user-{rng.randrange(units)}",
            "conversation_id": f"conversation-{rng.randrange(10**6)}",
            "timestamp": (at + timedelta(seconds=rng.random() * 60)).isoformat(),
            "value": rng.randrange(1, 6),
            "properties": {"tokens": rng.randrange(2000), "ms": rng.randrange(4000), "language": "de"},
        }
        for _ in range(count)
    ]


def taken(test: LiveTest, stack: Stack) -> Iterator[Row]:
    """Batch by batch in turns, since the machine may be busier at one time than at another, and the table grows."""
    rng, at = random.Random(1), timezone.now() - timedelta(minutes=30)
    token = make_token()
    acts, seconds = (copy_raw, take, sender(stack, token)), [0.0, 0.0, 0.0]
    for _ in range(BATCHES):
        bodies = [orjson.dumps(made_up(BATCH, key=test.key, rng=rng, at=at)) for _ in acts]
        given = [encoded(bodies[0]), *bodies[1:]]
        for place, act in enumerate(acts):
            seconds[place] += seconds_of(act, given[place])
    stored = LiveEvent.objects.filter(live_test_id=test.pk).count()
    assert stored == 2 * BATCHES * BATCH, stored
    yardstick, ours, over_http = (BATCHES * BATCH / one for one in seconds)
    yield row_of("taken by one process", ours, yardstick)
    yield row_of("over HTTP, one request after another", over_http, yardstick)
    bodies = [orjson.dumps(made_up(BATCH, key=test.key, rng=rng, at=at)) for _ in range(BATCHES)]
    yield row_of(f"over HTTP, {CLIENTS} clients at once", BATCHES * BATCH / at_once(bodies, stack, token), yardstick)


def at_once(bodies: list[bytes], stack: Stack, token: str) -> float:
    """Seconds until each of several clients, all in one process, has sent its share."""
    senders = [sender(stack, token) for _ in range(CLIENTS)]

    def send(number: int) -> None:
        for body in bodies[number::CLIENTS]:
            senders[number](body)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(send, range(CLIENTS)))
    return time.perf_counter() - began


def row_of(name: str, rate: float, yardstick: float) -> Row:
    return Row(
        name,
        f"{rate:,.0f} events/s",
        f"{yardstick:,.0f} rows/s",
        f"{rate / yardstick:.0%}",
        f">= {LEAST_RATIO:.0%}",
        rate / yardstick >= LEAST_RATIO,
        f"batches of {BATCH}, a transaction each",
    )


def seconds_of(act: Callable[[bytes], None], body: bytes) -> float:
    began = time.perf_counter()
    act(body)
    return time.perf_counter() - began


def encoded(body: bytes) -> bytes:
    start = event_rows.row_start(NO_TEST, 0, timezone.now())
    rows = [event_rows.row(start, event) for event in live_events.read_body(body) if isinstance(event, Event)]
    return b"".join((HEAD, *rows, TAIL))


def copy_raw(rows: bytes) -> None:
    with transaction.atomic(), connection.cursor() as cursor, cursor.copy(event_rows.COPY) as copy:
        copy.write(rows)


def take(body: bytes) -> None:
    answers = ingest(body, now=timezone.now())
    assert all(one.status == "accepted" for one in answers), answers[:3]


def sender(stack: Stack, token: str) -> Callable[[bytes], None]:
    link = http.client.HTTPConnection(HOST, stack.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(body: bytes) -> None:
        link.request("POST", "/api/v1/events", body, headers)
        response = link.getresponse()
        told = orjson.loads(response.read())
        assert told.get("counts") == {"accepted": BATCH}, told

    return send


def repeated(test: LiveTest) -> Iterator[Row]:
    """A client that heard no answer sends again."""
    body = orjson.dumps(made_up(BATCH, key=test.key, rng=random.Random(2), at=timezone.now() - timedelta(minutes=30)))
    take(body)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        assert {one.status for one in ingest(body, now=timezone.now())} == {"duplicate"}
        times.append(time.perf_counter() - began)
    yield Row("500 duplicates answered", f"{1000 * median(times):.1f} ms")


def folded(test: LiveTest) -> Iterator[Row]:
    began = time.perf_counter()
    n = folding.fold(test.pk, now=timezone.now())
    seconds = time.perf_counter() - began
    yield Row(
        "folded into sums by one worker",
        f"{n / seconds:,.0f} events/s",
        note=f"{n:,} events of {UNITS:,} units, {len(METRICS)} metrics",
    )
