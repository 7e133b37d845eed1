"""Workers are killed with -9 and the broker is wiped in the middle of imports; each must finish, exactly once."""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from django.db import connections
from django.utils import timezone

from benchmarks.stack import Stack, running
from benchmarks.table import Row
from evalsite.platform.models import Job
from experiments.models import EvalCase, EvalSet, Experiment, FileImport, ModelVersion, Output
from experiments.services import imports, uploads
from experiments.services.file_imports.pair_options import PairOptions

LEASE_SECONDS = 5
STUCK_AFTER_SECONDS = 180
# An import may be over before the kill falls; then another one takes its place.
MOST_MISSES_PER_KILL = 2
PHASES = ("check", "commit")


@dataclass(frozen=True)
class Plan:
    kills: int
    pairs: int


FULL, SHORT = Plan(kills=30, pairs=100_000), Plan(kills=2, pairs=40_000)


def run(*, full: bool) -> Iterable[Row]:
    plan = FULL if full else SHORT
    environment = {"JOB_LEASE_SECONDS": str(LEASE_SECONDS)}
    with running(web=False, workers=2, concurrency=1, environment=environment) as stack:
        started = time.monotonic()
        attempts = list(attempts_until_enough_kills(stack, plan))
        seconds = time.monotonic() - started
        try:
            yield from [scale(plan, attempts, seconds), *findings(plan, attempts)]
        finally:
            connections.close_all()


@dataclass(frozen=True)
class Attempt:
    """One import, and whether its worker was killed while it worked on it."""

    killed_in: str
    seconds: dict[str, float]


def attempts_until_enough_kills(stack: Stack, plan: Plan) -> Iterator[Attempt]:
    rng = random.Random(3)
    undisturbed = import_once(stack, plan, 0)
    yield undisturbed
    fastest = dict(undisturbed.seconds)
    kills = 0
    for number in range(1, 1 + plan.kills * (1 + MOST_MISSES_PER_KILL)):
        if kills == plan.kills:
            return
        phase = PHASES[kills % 2]
        pause = rng.uniform(0.1, 0.9) * fastest[phase]
        attempt = import_once(stack, plan, number, phase=phase, pause=pause)
        kills += bool(attempt.killed_in)
        fastest = {name: min(seconds, attempt.seconds[name]) for name, seconds in fastest.items()}
        yield attempt


def import_once(stack: Stack, plan: Plan, number: int, *, phase: str = "", pause: float = 0.0) -> Attempt:
    path = write_file(stack.folder / f"pairs-{number}.jsonl", plan.pairs, number)
    options = PairOptions(
        mapping={"baseline": "before", "candidate": "after"},
        baseline_name=f"baseline {number}",
        candidate_name=f"candidate {number}",
        experiment=f"import {number}",
    )
    with path.open("rb") as file:
        upload = uploads.store(file=file, filename=path.name, created_by=None, now=timezone.now())
    path.unlink()
    begun = imports.begin(upload=upload, second_upload=None, options=options, created_by=None, now=timezone.now())
    check = follow(stack, begun, kill_after=pause if phase == "check" else None)
    begun.refresh_from_db()
    started = imports.start_commit(file_import=begun, options=options, actor=None, now=timezone.now())
    commit = follow(stack, started, kill_after=pause if phase == "commit" else None)
    jobs = {"check": check, "commit": commit}
    return Attempt(
        killed_in=phase if phase and jobs[phase].deliveries > 1 else "",
        seconds={name: duration(job) for name, job in jobs.items()},
    )


def duration(job: Job) -> float:
    """Of its last delivery."""
    return (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else 0.0


def write_file(path: Path, pairs: int, number: int) -> Path:
    """No two files are the same, or the second would rightly not be imported."""
    with path.open("wb") as file:
        for row in range(pairs):
            pair = {
                "id": f"{number}-{row}",
                "prompt": f"Customer {row} of file {number} asks how to move an invoice to another month.",
                "before": f"Open the invoice, choose Edit, and set the date. Reference {number}/{row}.",
                "after": f"In **Invoices** pick number {row}, press *Change period*, then confirm. File {number}.",
            }
            file.write(orjson.dumps(pair) + b"\n")
    return path


def follow(stack: Stack, file_import: FileImport, *, kill_after: float | None) -> Job:
    """Wait until the job has ended; once it has run for so many seconds, kill its worker and wipe the broker."""
    deadline = time.monotonic() + STUCK_AFTER_SECONDS
    while (job := Job.objects.get(pk=str(file_import.job_id))).is_live:
        if kill_after is not None and has_run_for(job, kill_after):
            kill_everything(stack)
            kill_after = None
        if time.monotonic() > deadline:
            raise RuntimeError(f"{job.kind} did not end in {STUCK_AFTER_SECONDS} s:\n{stack.logs()}")
        time.sleep(0.02)
    if job.status != Job.Status.DONE:
        raise RuntimeError(f"{job.kind} is {job.status}: {job.error}\n{stack.logs()}")
    return job


def has_run_for(job: Job, seconds: float) -> bool:
    started = job.started_at if job.status == Job.Status.RUNNING else None
    return started is not None and (timezone.now() - started).total_seconds() > seconds


def kill_everything(stack: Stack) -> None:
    stack.kill_workers()
    stack.wipe_broker()
    stack.kill_server("valkey")
    stack.restart_server("valkey")
    stack.start_workers()


def scale(plan: Plan, attempts: list[Attempt], seconds: float) -> Row:
    in_check, in_commit = (sum(attempt.killed_in == phase for attempt in attempts) for phase in PHASES)
    return Row(
        f"imports of {plan.pairs:,} pairs",
        f"{len(attempts)} in {seconds:.0f} s",
        note=f"{in_check} killed in the dry run, {in_commit} in the commit",
    )


def findings(plan: Plan, attempts: list[Attempt]) -> Iterator[Row]:
    wanted = len(attempts)
    yield count_row("kills of all workers, broker wiped", sum(bool(each.killed_in) for each in attempts), plan.kills)
    yield count_row("imports finished", FileImport.objects.filter(status=FileImport.Status.DONE).count(), wanted)
    yield count_row("experiments made", Experiment.objects.count(), wanted)
    yield count_row("sets of cases made", EvalSet.objects.count(), wanted)
    yield count_row("model versions made", ModelVersion.objects.count(), 2 * wanted)
    yield count_row("cases stored", EvalCase.objects.count(), wanted * plan.pairs)
    yield count_row("outputs stored", Output.objects.count(), 2 * wanted * plan.pairs)
    yield count_row("jobs not done", Job.objects.exclude(status=Job.Status.DONE).count(), 0)
    yield count_row("jobs delivered again", Job.objects.filter(deliveries__gt=1).count(), plan.kills)


def count_row(name: str, found: int, expected: int) -> Row:
    return Row(name, f"{found:,}", bound=f"{expected:,}", ok=found == expected)
