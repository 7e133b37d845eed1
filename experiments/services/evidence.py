"""Gathers what is known of an experiment, decides on it, and keeps both beside the counters they came from."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from evalsite.platform import jobs
from evalsite.platform.models import Job, User
from experiments.go_no_go import Verdict
from experiments.models import EvidenceSnapshot, Experiment, VerdictChange
from experiments.reports.evidence import changes
from experiments.reports.evidence.freshness import same_evidence, sources
from experiments.reports.evidence.gathering import Gathered, gather, still_running
from experiments.reports.evidence.page import Dashboard
from experiments.reports.evidence.plain import plain

GATHER = "experiments.gather_evidence"
EVIDENCE_LOCK = 0x45565203
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
    with transaction.atomic():
        if not lock(experiment, waits=waits) or not wanted():
            return None
        # The counters are read first: what arrives while the rest is read makes this stale, never wrong.
        source = sources([experiment])[experiment.pk]
        kept = EvidenceSnapshot.objects.filter(experiment=experiment).first() if only_moved else None
        if kept and kept.source == source:
            return kept
        found = gather(experiment, now=now, tell=tell)
        guard()
        return keep(experiment, found, source=source, started=started, now=now)


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


def lock(experiment: Experiment, *, waits: bool) -> bool:
    """Until the end of the transaction."""
    with connection.cursor() as cursor:
        if waits:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [EVIDENCE_LOCK, experiment.pk])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [EVIDENCE_LOCK, experiment.pk])
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


@transaction.atomic
def tell_progress(*, experiment: Experiment) -> None:
    """How far the work is; the evidence itself stands as it was gathered."""
    if not lock(experiment, waits=False):
        return
    row = EvidenceSnapshot.objects.filter(experiment=experiment).first()
    source = sources([experiment])[experiment.pk]
    if row is None or not same_evidence(row.source, source):
        return
    shown = Dashboard.from_dict(row.payload)
    row.payload["running"] = still_running(experiment, shown)
    row.source = source
    row.save(update_fields=["payload", "source"])
