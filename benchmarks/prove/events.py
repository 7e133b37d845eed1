"""A client sends events, many of them twice and in no order, until each was answered, while the web server is killed.

Whatever the kills leave half done or unanswered is sent again; in the end every event must be stored and counted once.
"""

import http.client
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, connections
from django.utils import timezone

from benchmarks.live_traffic import METRICS, make_test, make_token
from benchmarks.stack import HOST, Stack, running
from benchmarks.table import Row
from experiments.models import EventBatch, LiveEvent, LiveTest, RefusedEvent
from experiments.services.live_traffic import folding

BATCH, SENDERS = 500, 4
UNITS = 20_000
STUCK_AFTER_SECONDS = 240
NAMES = ("task_completed", "rated", "answered")
SUMS = 'SELECT metric, unit_id, n, total, denominator, cardinality("values") FROM experiments_unitmetric'


@dataclass(frozen=True)
class Plan:
    events: int
    repeated: int
    web_kills: int
    worker_kills: int

    @property
    def sent(self) -> int:
        return self.events + self.repeated


FULL = Plan(events=1_000_000, repeated=200_000, web_kills=50, worker_kills=10)
SHORT = Plan(events=10_000, repeated=2_000, web_kills=2, worker_kills=1)


def run(*, full: bool) -> Iterable[Row]:
    plan = FULL if full else SHORT
    with running(environment={"EVENTS_PER_MINUTE": str(10**9)}) as stack:
        try:
            test = make_test(units=UNITS)
            crowd = Senders(stack.port, make_token(), plan, at=timezone.now() - timedelta(minutes=30))
            began = time.monotonic()
            crowd.start()
            kill_things(stack, crowd, plan)
            crowd.wait_for(plan.sent, stack)
            sent_in = time.monotonic() - began
            wait_until_folded(test, stack)
            yield Row(
                f"{plan.sent:,} events sent, {plan.repeated:,} of them again, shuffled",
                f"{sent_in:.0f} s, all folded {time.monotonic() - began - sent_in:.0f} s later",
                note=f"{SENDERS} senders of {BATCH} at once; {UNITS:,} units, {len(METRICS)} metrics",
            )
            if crowd.odd:
                sys.stderr.write(f"{stack.logs()}\n")
            yield from findings(plan, test, crowd)
        finally:
            connections.close_all()


def event(number: int, at: datetime) -> dict[str, Any]:
    """Everything follows from its number, so that what must come out is known."""
    return {
        "event_id": f"{number * 7_919 % 1_000_003:07d}-{number}",
        "event": NAMES[number % 3],
        "experiment": "measured",
        "unit_id": f"user-{unit_of(number)}",
        "timestamp": (at + timedelta(milliseconds=number % 1_000_000)).isoformat(),
        "value": number % 5 + 1,
        "properties": {"tokens": number % 100, "ms": number % 1000},
    }


def unit_of(number: int) -> int:
    return number * 31 % UNITS


@dataclass
class Senders:
    """Threads that take batches in turn and send each until it is answered."""

    port: int
    secret: str
    plan: Plan
    at: datetime
    told: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        rng = random.Random(7)
        numbers = [*range(self.plan.events), *rng.sample(range(self.plan.events), self.plan.repeated)]
        rng.shuffle(numbers)
        self.waiting = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
        for _ in range(SENDERS):
            threading.Thread(target=self.send_all, daemon=True).start()

    def send_all(self) -> None:
        while True:
            with self.lock:
                if not self.waiting:
                    return
                numbers = self.waiting.pop()
            body = orjson.dumps([event(number, self.at) for number in numbers])
            while not self.send(body, numbers):
                time.sleep(0.05)

    def send(self, body: bytes, numbers: Sequence[int]) -> bool:
        """Whether it was answered."""
        link = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
            link.request("POST", "/api/v1/events", body, headers)
            response = link.getresponse()
            said = response.read()
        except (OSError, http.client.HTTPException):
            with self.lock:
                self.unanswered += 1
            return False
        finally:
            link.close()
        with self.lock:
            if response.status != 202:
                self.odd[f"{response.status} {said[:200]!r}"] += 1
                return False
            self.told.update(one["status"] for one in orjson.loads(said)["results"])
            return True

    def wait_for(self, answered: int, stack: Stack) -> None:
        last, since = -1, time.monotonic()
        while (now := self.told.total()) < answered:
            if now > last:
                last, since = now, time.monotonic()
            if time.monotonic() - since > STUCK_AFTER_SECONDS:
                raise RuntimeError(f"Nothing was answered for {STUCK_AFTER_SECONDS} s: {self.odd}\n{stack.logs()}")
            time.sleep(0.02)


def kill_things(stack: Stack, crowd: Senders, plan: Plan) -> None:
    """Spread evenly over the work, so that each kill meets requests, and folds, under way."""
    workers_so_far = 0
    for number in range(plan.web_kills):
        crowd.wait_for(int(plan.sent * (number + 0.5) / (plan.web_kills + 1)), stack)
        stack.kill_web()
        if workers_so_far < (number + 1) * plan.worker_kills // plan.web_kills:
            workers_so_far += 1
            stack.kill_workers()
            stack.start_workers()
        stack.start_web()


def wait_until_folded(test: LiveTest, stack: Stack) -> None:
    deadline = time.monotonic() + STUCK_AFTER_SECONDS
    while folding.waiting():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Events are not folded:\n{stack.logs()}")
        time.sleep(0.1)


def findings(plan: Plan, test: LiveTest, crowd: Senders) -> Iterator[Row]:
    stored = set(LiveEvent.objects.filter(live_test_id=test.pk).values_list("event_id", flat=True))
    wanted = {event(number, crowd.at)["event_id"] for number in range(plan.events)}
    batches = list(EventBatch.objects.filter(live_test=test).values_list("n", "counts"))
    yield exactly("kills -9 of the web server", plan.web_kills, plan.web_kills, f"{crowd.unanswered:,} unanswered")
    yield exactly("kills -9 of the worker that folds", plan.worker_kills, plan.worker_kills)
    yield exactly("events stored", LiveEvent.objects.filter(live_test_id=test.pk).count(), plan.events)
    yield exactly("events lost", len(wanted - stored), 0)
    yield exactly("events nobody sent", len(stored - wanted), 0)
    yield exactly("accepted, as the batches count", sum(n for n, _ in batches), plan.events)
    told = crowd.told["accepted"] + crowd.told["duplicate"]
    yield exactly(
        "answered as accepted or duplicate", told, plan.sent, f"{crowd.told['duplicate']:,} of them as duplicate"
    )
    yield exactly("refused", RefusedEvent.objects.count(), 0)
    yield exactly("other answers", crowd.odd.total(), 0, "; ".join(crowd.odd)[:200])
    sums = stored_sums()
    expected = expected_sums(plan)
    yield exactly("units with a wrong sum in any metric", len(wrong(sums, expected)), 0, f"{len(expected):,} sums")
    folding.refold(test.pk, now=timezone.now())
    yield exactly("sums that change when made anew", len(wrong(stored_sums(), sums)), 0)


Sums = dict[tuple[str, str], tuple[int, float, float, int]]


def stored_sums() -> Sums:
    with connection.cursor() as cursor:
        cursor.execute(SUMS)
        return {
            (metric, unit): (n, total, below, values) for metric, unit, n, total, below, values in cursor.fetchall()
        }


def expected_sums(plan: Plan) -> Sums:
    """As METRICS define them, added up here from the numbers alone; whole numbers, so that no order of sums matters."""
    found: Sums = {}

    def add(metric: str, unit: str, total: float, below: float = 0, values: int = 0) -> None:
        n, so_far, divisor, kept = found.get((metric, unit), (0, 0.0, 0.0, 0))
        found[metric, unit] = n + 1, so_far + total, divisor + below, kept + values

    for number in range(plan.events):
        unit, name = f"user-{unit_of(number)}", NAMES[number % 3]
        if name == "task_completed":
            add("completion", unit, 1)
        elif name == "rated":
            add("csat", unit, number % 5 + 1)
        else:
            add("tokens", unit, number % 100, below=1)
            add("latency", unit, number % 1000, values=1)
    return found


def wrong(found: Sums, expected: Sums) -> list[tuple[str, str]]:
    return [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]


def exactly(name: str, found: int, expected: int, note: str = "") -> Row:
    return Row(name, f"{found:,}", bound=f"{expected:,}", ok=found == expected, note=note)
