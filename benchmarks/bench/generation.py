"""Generation against an instant local endpoint, every case durable, beside the same calls in a bare loop."""

import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from django.db import connections
from django.utils import timezone

from benchmarks.local_models import ALLOWED, LocalModels, local_models
from benchmarks.stack import Stack, running
from benchmarks.table import Row
from experiments.models import Attempt, BenchmarkRun, Endpoint, EvalCase, EvalSet, ModelVersion, Output
from experiments.services.runs import starting

CASES = 10_000
THREADS = (1, 8, 32)
LANES = 2
AIM = 1500
STUCK_AFTER_SECONDS = 120
GENERATING = ("queued", "running")


def rows() -> Iterable[Row]:
    environment = {**ALLOWED, "RUN_LANES": str(LANES)}
    with local_models() as server, running(web=False, workers=1, concurrency=LANES, environment=environment) as stack:
        try:
            eval_set = make_set()
            endpoint = make_endpoint(server)
            generate(stack, eval_set, make_model(endpoint, "warm up"), threads=8)
            for threads in THREADS:
                # The yardstick right before, since the machine may be busier at one time than at another.
                yardstick = CASES / bare_seconds(server, threads=threads)
                seconds, run = generate(stack, eval_set, make_model(endpoint, f"{threads} threads"), threads=threads)
                yield row(threads, CASES / seconds, yardstick, run)
        finally:
            connections.close_all()


def row(threads: int, rate: float, yardstick: float, run: BenchmarkRun) -> Row:
    stored = Output.objects.filter(model_version=run.model_version_id).count()
    tried = Attempt.objects.filter(item__run=run).count()
    best = threads == max(THREADS)
    return Row(
        f"{CASES:,} cases, {LANES} lanes of {threads} thread{'s' * (threads > 1)}",
        f"{rate:,.0f} cases/s",
        f"{yardstick:,.0f} calls/s, nothing kept",
        f"{rate / yardstick:.0%}",
        f">= {AIM:,}/s" if best else "",
        ok=(stored == tried == run.n_done == CASES) and (rate >= AIM or not best),
        note=f"{stored:,} outputs and {tried:,} attempts stored",
    )


def make_set() -> EvalSet:
    now = timezone.now()
    eval_set = EvalSet.objects.create(name="instant", version=1, content_hash="0" * 64, n_cases=CASES, created_at=now)
    cases = (
        EvalCase(eval_set=eval_set, position=n, external_id=str(n), prompt=f"case={n} answer={n}", expected=str(n))
        for n in range(CASES)
    )
    EvalCase.objects.bulk_create(cases, batch_size=2000)
    return eval_set


def make_endpoint(server: LocalModels) -> Endpoint:
    most = LANES * max(THREADS)
    return Endpoint.objects.create(
        name="instant", base_url=server.base_url, max_concurrency=most, created_at=datetime.now(UTC)
    )


def make_model(endpoint: Endpoint, name: str) -> ModelVersion:
    return ModelVersion.objects.create(
        name=name,
        version="1",
        source=ModelVersion.Source.ENDPOINT,
        endpoint=endpoint,
        model="instant",
        content_hash=name.ljust(64, "0"),
        created_at=timezone.now(),
    )


def generate(stack: Stack, eval_set: EvalSet, model: ModelVersion, *, threads: int) -> tuple[float, BenchmarkRun]:
    """Seconds from the start being asked for until every case is stored; then its scoring is waited for."""
    began = time.monotonic()
    run = starting.start(
        run_id=uuid4(),
        model_version=model,
        eval_set=eval_set,
        threads=threads,
        created_by=None,
        now=timezone.now(),
    )
    wait(stack, run, GENERATING, since=began)
    seconds = time.monotonic() - began
    wait(stack, run, (*GENERATING, "scoring"), since=began)
    return seconds, run


def wait(stack: Stack, run: BenchmarkRun, states: Iterable[str], *, since: float) -> None:
    while True:
        run.refresh_from_db(fields=["status", "status_reason", "n_done"])
        if run.status not in states:
            return
        if time.monotonic() - since > STUCK_AFTER_SECONDS:
            raise RuntimeError(f"run is still {run.status} ({run.n_done} done):\n{stack.logs()}")
        time.sleep(0.02)


def bare_seconds(server: LocalModels, *, threads: int) -> float:
    """As many processes and threads as ours, each calling its part."""
    part = CASES // LANES
    children = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.bench._call_bare", server.base_url),
                *map(str, (lane * part, (lane + 1) * part, threads)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for lane in range(LANES)
    ]
    times = [[float(word) for word in child.communicate()[0].split()] for child in children]
    return max(end for _, end in times) - min(begin for begin, _ in times)
