"""Workers are killed with -9 and the broker is restarted while a run calls a server that misbehaves in every way.

Each case must end with its own answer or in the right error class, once; and no kill may repeat a call that was not in
flight when it fell.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from django.db import connection, connections
from django.utils import timezone

from benchmarks.local_models import ALLOWED, LocalModels, local_models
from benchmarks.stack import Stack, running
from benchmarks.table import Row
from evalsite.platform.models import Job
from experiments.models import Attempt, BenchmarkRun, Endpoint, EvalCase, EvalSet, ModelVersion, Output, RunItem
from experiments.services.runs import starting
from tests.running.misbehaviour import mixed

LANES, THREADS = 2, 16
STUCK_AFTER_SECONDS = 240
SEED = 5
TRIES_BY_CASE = """
SELECT evalcase.external_id, count(*) FROM experiments_attempt AS attempt
JOIN experiments_runitem AS item ON item.id = attempt.item_id
JOIN experiments_evalcase AS evalcase ON evalcase.id = item.case_id
WHERE item.run_id = %s GROUP BY evalcase.external_id
"""
ENVIRONMENT = {
    **ALLOWED,
    "JOB_LEASE_SECONDS": "3",
    "RUN_LANES": str(LANES),
    "RUN_BACKOFF_MS": "200",
    "RUN_BACKOFF_MOST_SECONDS": "2",
}


@dataclass(frozen=True)
class Plan:
    cases: int
    kills: int
    restarts: int


FULL, SHORT = Plan(cases=2000, kills=20, restarts=5), Plan(cases=200, kills=2, restarts=1)


@dataclass
class Seen:
    """What the kills found: per kill, the cases whose call was under way or not stored yet."""

    lost: list[Counter[str]] = field(default_factory=list)
    restarts: int = 0


def run(*, full: bool) -> Iterable[Row]:
    plan = FULL if full else SHORT
    with local_models() as server, running(web=False, workers=1, concurrency=LANES, environment=ENVIRONMENT) as stack:
        try:
            began = time.monotonic()
            started = start(server, plan)
            seen = harass(stack, server, started, plan)
            wait_for_the_end(stack, started)
            yield from findings(plan, started, server, seen, seconds=time.monotonic() - began)
        finally:
            connections.close_all()


def start(server: LocalModels, plan: Plan) -> BenchmarkRun:
    now = timezone.now()
    eval_set = EvalSet.objects.create(
        name="trouble", version=1, content_hash="0" * 64, n_cases=plan.cases, created_at=now
    )
    cases = (
        # Each call takes a moment, so that kills fall into calls.
        EvalCase(
            eval_set=eval_set, position=n, external_id=str(n), prompt=f"case={n} answer={n} wait=30", expected=str(n)
        )
        for n in range(plan.cases)
    )
    EvalCase.objects.bulk_create(cases)
    endpoint = Endpoint.objects.create(
        name="trouble",
        base_url=server.base_url,
        max_concurrency=LANES * THREADS,
        timeout_seconds=1,
        max_attempts=4,
        max_response_bytes=200_000,
        created_at=now,
    )
    version = ModelVersion.objects.create(
        name="trouble",
        version="1",
        source=ModelVersion.Source.ENDPOINT,
        endpoint=endpoint,
        model="mix",
        content_hash="0" * 64,
        created_at=now,
    )
    return starting.start(
        run_id=uuid4(), model_version=version, eval_set=eval_set, threads=THREADS, created_by=None, now=now
    )


def harass(stack: Stack, server: LocalModels, started: BenchmarkRun, plan: Plan) -> Seen:
    """Kill when so many cases have ended, evenly over the run; some kills take the broker along."""
    rng, seen = random.Random(SEED), Seen()
    before = Counter[str]()
    for number in range(plan.kills):
        wait_until_ended(stack, started, least=int(plan.cases * (number + 0.5) / (plan.kills + 1)))
        time.sleep(rng.uniform(0.0, 0.4))
        stack.kill_workers()
        if number * plan.restarts // plan.kills < (number + 1) * plan.restarts // plan.kills:
            stack.kill_server("valkey")
            stack.restart_server("valkey")
            seen.restarts += 1
        # What is on the wire still arrives and counts.
        time.sleep(0.3)
        now = unrecorded(server, started)
        seen.lost.append(now - before)
        before = now
        stack.start_workers()
    return seen


def unrecorded(server: LocalModels, started: BenchmarkRun) -> Counter[str]:
    """Calls the server saw of which no attempt was stored, by case."""
    with connection.cursor() as cursor:
        cursor.execute(TRIES_BY_CASE, [started.pk])
        stored = Counter[str](dict(cursor.fetchall()))
    return Counter[str](server.seen()["calls"]) - stored


def wait_until_ended(stack: Stack, started: BenchmarkRun, *, least: int) -> None:
    """Or until the run is over, if that comes first."""
    deadline = time.monotonic() + STUCK_AFTER_SECONDS
    while True:
        started.refresh_from_db()
        if started.n_done + started.n_errors >= least or started.status not in ("queued", "running"):
            return
        refuse_to_wait(stack, started, deadline)
        time.sleep(0.02)


def wait_for_the_end(stack: Stack, started: BenchmarkRun) -> None:
    deadline = time.monotonic() + STUCK_AFTER_SECONDS
    while started.status in ("queued", "running", "scoring"):
        refuse_to_wait(stack, started, deadline)
        time.sleep(0.1)
        started.refresh_from_db()


def refuse_to_wait(stack: Stack, started: BenchmarkRun, deadline: float) -> None:
    if time.monotonic() > deadline:
        jobs = list(Job.objects.values_list("kind", "status", "deliveries", "error"))
        raise RuntimeError(
            f"run is {started.status} with {started.n_done} done, {started.n_errors} errors of {started.n_cases}; "
            f"jobs: {jobs}\n{stack.logs()}"
        )


def findings(plan: Plan, started: BenchmarkRun, server: LocalModels, seen: Seen, *, seconds: float) -> Iterator[Row]:
    found = {
        name: (error, text)
        for name, error, text in started.items.values_list("case__external_id", "error_class", "output__text")
    }
    expected = {str(n): mixed(str(n)).expected for n in range(plan.cases)}
    classes = set(expected.values()) - {""}
    yield Row(
        f"run of {plan.cases:,} cases against a misbehaving server",
        f"{seconds:.0f} s",
        note=f"{started.n_done:,} answered, {started.n_errors:,} errors of {len(classes)} classes",
    )
    yield exactly("kills -9 of the worker", len(seen.lost), plan.kills)
    yield exactly("broker killed and restarted", seen.restarts, plan.restarts)
    yield exactly("run ended and scored", int(started.status == BenchmarkRun.Status.DONE), 1)
    yield exactly("cases missing", plan.cases - len(found), 0)
    yield exactly("cases still waiting", started.items.filter(state=RunItem.State.WAITING).count(), 0)
    yield exactly("cases in another class than the server's command", wrong_class(found, expected), 0)
    yield exactly("cases with another case's answer", wrong_answer(found), 0)
    with_output = started.items.exclude(output=None)
    yield exactly("outputs beyond one per case", Output.objects.count() - with_output.count(), 0)
    yield exactly("outputs used twice", with_output.count() - with_output.values("output").distinct().count(), 0)
    yield from repeated(plan, server, started, seen)


def repeated(plan: Plan, server: LocalModels, started: BenchmarkRun, seen: Seen) -> Iterator[Row]:
    most = max((max(lost.values(), default=0) for lost in seen.lost), default=0)
    per_kill = max((lost.total() for lost in seen.lost), default=0)
    in_all = unrecorded(server, started)
    calls = server.seen()["total"]
    yield Row(
        "repeated calls of one case by one kill",
        f"at most {most}",
        bound="at most 1",
        ok=most <= 1,
        note=f"{in_all.total():,} repeated of {calls:,} calls, {Attempt.objects.count():,} attempts stored",
    )
    yield Row(
        "cases in flight at one kill",
        f"at most {per_kill}",
        bound=f"{LANES} lanes of {THREADS} calls, and a group of 64 each",
        ok=per_kill <= LANES * (THREADS + 64),
    )
    # Nothing but kills may repeat a call.
    told = sum(seen.lost, Counter[str]())
    yield exactly("calls repeated without a kill", (in_all - told).total(), 0)


def wrong_class(found: Mapping[str, tuple[str, str | None]], expected: Mapping[str, str]) -> int:
    return sum(found.get(name, ("?", ""))[0] != error for name, error in expected.items())


def wrong_answer(found: Mapping[str, tuple[str, str | None]]) -> int:
    return sum(error == "" and text != name for name, (error, text) in found.items())


def exactly(name: str, found: int, expected: int) -> Row:
    return Row(name, f"{found:,}", bound=f"{expected:,}", ok=found == expected)
