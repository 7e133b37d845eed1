"""Gathers what is known of an experiment, decides on it, and keeps both beside the counters they came from."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from evalsite.platform import jobs
from evalsite.platform.models import Job, User
from experiments.go_no_go import Verdict
from experiments.models import EvidenceSnapshot, Experiment, LiveTest, VerdictChange
from experiments.reports.evidence import changes
from experiments.reports.evidence.freshness import same_evidence, sources
from experiments.reports.evidence.gathering import Gathered, gather, still_running
from experiments.reports.evidence.page import Dashboard
from experiments.reports.evidence.plain import plain
from experiments.services import live_results, results

GATHER = "experiments.gather_evidence"
EVIDENCE_LOCK = 0x45565204
SHORTEST_PAUSE = timedelta(seconds=5)
PAUSE_PER_COST = 20
MOST_AT_ONCE = 50


def job_key(experiment: Experiment) -> str:
    return f"{GATHER}:{experiment.pk}"


def ask(*, experiment: Experiment, created_by: User | None = None, now: datetime) -> Job:
    """In a worker, for somebody who waits for it; asking twice makes nothing new."""
    return jobs.enqueue(
        kind=GATHER, args={"experiment": experiment.pk}, key=job_key(experiment), created_by=created_by, now=now
    )


def refresh(
    *,
    experiment: Experiment,
    now: datetime,
    tell: Callable[[str], None] = lambda note: None,
    guard: Callable[[], None] = lambda: None,
    waits: bool = False,
    wanted: Callable[[], bool] = lambda: True,
) -> EvidenceSnapshot | None:
    """Only if something has moved since. None when somebody else is gathering the same right now.

    waits, wanted: as in `compute`.
    """
    kept = EvidenceSnapshot.objects.filter(experiment=experiment).first()
    if kept and kept.source == sources([experiment])[experiment.pk]:
        return kept
    return compute(experiment=experiment, now=now, tell=tell, guard=guard, waits=waits, wanted=wanted, only_moved=True)


def compute(
    *,
    experiment: Experiment,
    now: datetime,
    tell: Callable[[str], None] = lambda note: None,
    guard: Callable[[], None] = lambda: None,
    waits: bool = False,
    wanted: Callable[[], bool] = lambda: True,
    only_moved: bool = False,
) -> EvidenceSnapshot | None:
    """waits: for somebody else who is gathering the same, instead of leaving it to them.

    wanted, only_moved: asked once it is this one's turn, for who was waited for may have done the same. None where it
    is not wanted any more.
    """
    started = time.monotonic()
    with turn(experiment, waits=waits) as is_mine:
        if not is_mine or not wanted():
            return None
        with one_moment():
            source = sources([experiment])[experiment.pk]
            kept = EvidenceSnapshot.objects.filter(experiment=experiment).first() if only_moved else None
            if kept and kept.source == source:
                return kept
            found = gather(experiment, now=now, tell=tell)
        with transaction.atomic():
            guard()
            return keep(experiment, found, source=source, started=started, now=now)


def renew(*, experiment: Experiment, now: datetime) -> None:
    """The results evidence is read from, where they have moved: for whoever cannot wait for the beat that does it."""
    for campaign in results.judged_campaigns(experiment):
        results.refresh(campaign=campaign, now=now)
    started = LiveTest.objects.filter(experiment=experiment, status__in=live_results.STARTED, plan__isnull=False)
    for test in started.order_by("pk"):
        with suppress(live_results.NotStarted):
            live_results.payload_of(test, now=now)


@contextmanager
def one_moment() -> Iterator[None]:
    """All that is read within is of one moment: counters, rows and hash tell of the same. A transaction around keeps
    its own isolation."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def keep(experiment: Experiment, found: Gathered, *, source: str, started: float, now: datetime) -> EvidenceSnapshot:
    if found.verdict:
        note_change(experiment, found.verdict, now=now)
    payload = found.dashboard.to_dict() | {"changes": changes_of(experiment)}
    row, _ = EvidenceSnapshot.objects.update_or_create(
        experiment=experiment,
        defaults={
            "payload": payload,
            "text": found.evidence.canonical().decode(),
            "sha256": found.evidence.sha256,
            "source": source,
            "verdict": found.dashboard.verdict,
            "reason": found.dashboard.reason,
            "computed_at": now,
            "compute_ms": int((time.monotonic() - started) * 1000),
        },
    )
    return row


def note_change(experiment: Experiment, verdict: Verdict, *, now: datetime) -> None:
    last = VerdictChange.objects.filter(experiment=experiment).order_by("-at", "-pk").first()
    if changes.has_moved(last, verdict):
        VerdictChange.objects.create(
            experiment=experiment,
            verdict=verdict.verdict,
            reason=verdict.reason,
            criteria=changes.state_of(verdict),
            at=now,
        )


def changes_of(experiment: Experiment) -> list[Any]:
    rows = VerdictChange.objects.filter(experiment=experiment).order_by("-at", "-pk")[: changes.MOST + 1]
    return [plain(one) for one in changes.newest(list(rows))]


@contextmanager
def turn(experiment: Experiment, *, waits: bool) -> Iterator[bool]:
    """Of the session: a transaction begun before it is this one's turn would read what stood before it."""
    is_mine = lock(experiment, waits=waits)
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [EVIDENCE_LOCK, experiment.pk])


def lock(experiment: Experiment, *, waits: bool) -> bool:
    with connection.cursor() as cursor:
        if waits:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [EVIDENCE_LOCK, experiment.pk])
            return True
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [EVIDENCE_LOCK, experiment.pk])
        return bool(cursor.fetchone()[0])


def due(*, now: datetime) -> list[Experiment]:
    """Where evidence has moved since it was gathered, the costly ones less often. Mere progress is told at once."""
    experiments = list(Experiment.objects.order_by("-created_at", "-pk"))
    standing = sources(experiments)
    rows = EvidenceSnapshot.objects.only("source", "computed_at", "compute_ms").in_bulk()
    told, found = [], []
    for one in experiments:
        row = rows.get(one.pk)
        if row and row.source == standing[one.pk]:
            continue
        if row and same_evidence(row.source, standing[one.pk]):
            told.append(one)
        elif row is None or rested(row, now=now):
            found.append(one)
    for one in told[:MOST_AT_ONCE]:
        tell_progress(experiment=one)
    return found[:MOST_AT_ONCE]


def is_rested(experiment: Experiment, *, now: datetime) -> bool:
    row = EvidenceSnapshot.objects.filter(experiment=experiment).only("computed_at", "compute_ms").first()
    return row is None or rested(row, now=now)


def rested(row: EvidenceSnapshot, *, now: datetime) -> bool:
    cost = timedelta(milliseconds=row.compute_ms)
    return now - row.computed_at >= max(SHORTEST_PAUSE, cost * PAUSE_PER_COST)


def tell_progress(*, experiment: Experiment) -> None:
    """How far the work is; the evidence itself stands as it was gathered."""
    with turn(experiment, waits=False) as is_mine, one_moment():
        row = EvidenceSnapshot.objects.filter(experiment=experiment).first() if is_mine else None
        source = sources([experiment])[experiment.pk] if row else ""
        if row is None or not same_evidence(row.source, source):
            return
        shown = Dashboard.from_dict(row.payload)
        row.payload["running"] = still_running(experiment, shown)
        row.source = source
        row.save(update_fields=["payload", "source"])
