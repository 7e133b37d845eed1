"""Durable background jobs: handlers, enqueueing, leases with fencing tokens, and the sweep.

A row holds the truth. A Celery message only says "look at this row"; losing it costs at most one sweep interval,
receiving it twice costs one refused lease.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from evalsite.platform.heartbeat import Heartbeat
from evalsite.platform.logs import current_request_id
from evalsite.platform.lost_connection import is_lost_connection
from evalsite.platform.models import Job, Sweep, User

logger = logging.getLogger(__name__)

RUN_JOB = "evalsite.platform.run_job"
QUICK, LONG = "quick", "long"
# How long a worker waits for a lost database, to say that the job it had was not at fault.
PATIENCE_SECONDS, PAUSE_SECONDS = 300.0, 1.0


class JobFailed(Exception):
    """A final failure whose message a user can read; the job is not tried again."""


class JobCancelled(Exception):
    """Somebody asked this job to stop."""


class JobAgain(Exception):
    """Not over, but others may come first: the job goes back into the queue as it stands."""


class LostLease(Exception):
    """Another worker holds the job now: this one must not write anything more."""


@dataclass(frozen=True)
class JobRun:
    """One delivery of a job, as its handler sees it."""

    job_id: UUID
    token: int
    heartbeat: Heartbeat

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        self.heartbeat.tell(done, total, note)
        self.check()

    def advanced(self) -> None:
        """Part of the work is committed, so this delivery was not in vain: only those without progress are counted."""
        Job.objects.filter(pk=self.job_id, token=self.token, deliveries__gt=1).update(deliveries=1)

    def check(self) -> None:
        if self.heartbeat.lost:
            raise LostLease
        if self.heartbeat.cancelled:
            raise JobCancelled

    def guard(self) -> None:
        """Lock the job row in the handler's last transaction, so that a zombie cannot commit."""
        held = Job.objects.select_for_update().filter(pk=self.job_id, token=self.token, status=Job.Status.RUNNING)
        if not held.exists():
            raise LostLease


Handler = Callable[..., dict[str, Any] | None]
HANDLERS: dict[str, Handler] = {}
QUICK_KINDS: set[str] = set()


def handler(kind: str, *, quick: bool = False) -> Callable[[Handler], Handler]:
    """`quick` jobs end within seconds, so they may share a queue with the sweep; long ones never hold them up."""

    def register(function: Handler) -> Handler:
        HANDLERS[kind] = function
        if quick:
            QUICK_KINDS.add(kind)
        return function

    return register


def enqueue(*, kind: str, args: dict[str, Any], key: str = "", created_by: User | None = None, now: datetime) -> Job:
    """Add a job in the caller's transaction and wake a worker on commit; a live job of the same key is reused."""
    with transaction.atomic():
        # Again where the live job of this key ended between the two looks: then it stands in nobody's way any more.
        while True:
            if key and (live := Job.objects.live().filter(key=key).first()):
                return live
            job = Job(kind=kind, key=key, args=args, created_by=created_by, created_at=now)
            # A second enqueuer of the same key waits here for the first one's COMMIT and then makes nothing.
            Job.objects.bulk_create([job], ignore_conflicts=bool(key))
            if not key or Job.objects.filter(pk=job.pk).exists():
                transaction.on_commit(partial(wake, job))
                return job


def wake(job: Job) -> None:
    """Tell a worker to look; when the broker is away, the sweep will."""
    queue = QUICK if job.kind in QUICK_KINDS else LONG
    try:
        current_app.send_task(RUN_JOB, args=[str(job.pk)], queue=queue, retry=False)
    except (BrokerError, OSError) as error:
        logger.warning("broker not reached, job %s waits for the sweep: %s", job.pk, error)


def take(*, job_id: UUID, now: datetime) -> Job | None:
    """Lease a due job under a new fencing token, or park one that was delivered too often."""
    with transaction.atomic():
        job = Job.objects.due(now=now).select_for_update(skip_locked=True).filter(pk=job_id).first()
        if job is None:
            return None
        if job.deliveries >= settings.JOB_MAX_DELIVERIES:
            park(job, now=now)
            return None
        job.status = Job.Status.RUNNING
        job.deliveries += 1
        job.token += 1
        job.started_at = now
        job.heartbeat_at = now
        job.lease_until = now + timedelta(seconds=settings.JOB_LEASE_SECONDS)
        job.progress_done, job.progress_note, job.error = 0, "", ""
        job.save()
        return job


def park(job: Job, *, now: datetime) -> None:
    job.status, job.finished_at = Job.Status.PARKED, now
    job.error = (
        f"Stopped after {job.deliveries} deliveries: each time the worker died before the end. "
        "Look at the worker's log, then retry."
    )
    job.save()
    logger.error("job %s (%s) parked after %d deliveries", job.pk, job.kind, job.deliveries)


def run(job_id: UUID) -> None:
    """Deliver one job: lease, handle, and write how it ended, if the lease still holds."""
    job = take(job_id=job_id, now=timezone.now())
    if job is None:
        return
    name = current_request_id.set(f"job {job.pk}")
    try:
        deliver(job)
    except (OperationalError, InterfaceError) as failure:
        if not is_lost_connection(failure):
            raise
        logger.warning("job %s lost the database and is delivered again", job.pk)
        hand_back(job)
    finally:
        current_request_id.reset(name)


def deliver(job: Job) -> None:
    with Heartbeat(job.pk, job.token) as heartbeat:
        delivery = JobRun(job_id=job.pk, token=job.token, heartbeat=heartbeat)
        status, error, result = handle(job, delivery)
    if status is not None:
        finish(job, heartbeat, status=status, error=error, result=result, now=timezone.now())


def hand_back(job: Job) -> None:
    """Once the database is back: that it went away under this delivery does not count towards parking."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            held = Job.objects.filter(pk=job.pk, token=job.token, status=Job.Status.RUNNING)
            if held.update(deliveries=F("deliveries") - 1, lease_until=timezone.now()):
                wake(job)
            return
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(PAUSE_SECONDS)


def handle(job: Job, delivery: JobRun) -> tuple[Job.Status | None, str, dict[str, Any] | None]:
    try:
        result = HANDLERS[job.kind](delivery, **job.args)
    except LostLease:
        logger.warning("job %s lost its lease; another worker has it", job.pk)
        return None, "", None
    except JobCancelled:
        return Job.Status.CANCELLED, "", None
    except JobAgain:
        return Job.Status.QUEUED, "", None
    except JobFailed as failure:
        return Job.Status.FAILED, str(failure), None
    except Exception as failure:
        if is_lost_connection(failure):
            raise
        logger.exception("job %s (%s) failed", job.pk, job.kind)
        return (
            Job.Status.FAILED,
            f"An error of ours, not of your data ({type(failure).__name__}): see job {job.pk} in the worker's log.",
            None,
        )
    return Job.Status.DONE, "", result


def finish(
    job: Job, heartbeat: Heartbeat, *, status: Job.Status, error: str, result: dict[str, Any] | None, now: datetime
) -> None:
    changes: dict[str, Any] = {
        "status": status,
        "error": error,
        "result": result,
        "finished_at": None if status == Job.Status.QUEUED else now,
        "lease_until": None,
        "progress_done": heartbeat.done,
        "progress_total": heartbeat.total,
        "progress_note": heartbeat.note,
    }
    held = Job.objects.filter(pk=job.pk, token=job.token, status=Job.Status.RUNNING)
    if status == Job.Status.QUEUED:
        changes["deliveries"] = 0
    if held.update(**changes) and status == Job.Status.QUEUED:
        wake(job)


def retry(*, job: Job) -> bool:
    """Queue a failed, parked or cancelled job again from the start; False where another one took its place."""
    over = [Job.Status.FAILED, Job.Status.PARKED, Job.Status.CANCELLED]
    try:
        with transaction.atomic():
            changed = Job.objects.filter(pk=job.pk, status__in=over).update(
                status=Job.Status.QUEUED,
                deliveries=0,
                token=F("token") + 1,
                error="",
                finished_at=None,
                cancel_requested=False,
            )
            if changed:
                transaction.on_commit(lambda: wake(job))
    except IntegrityError:
        # One live job per key.
        return False
    return bool(changed)


def cancel(*, job: Job, now: datetime) -> None:
    """A waiting job ends at once; a running one is asked and ends at its next heartbeat."""
    with transaction.atomic():
        Job.objects.filter(pk=job.pk, status=Job.Status.QUEUED).update(status=Job.Status.CANCELLED, finished_at=now)
        Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING).update(cancel_requested=True)


def sweep(*, now: datetime) -> int:
    """Wake what a dead worker or a lost message left, and say that a worker is alive."""
    waited_long_enough = now - timedelta(seconds=3)
    due = Job.objects.due(now=now).filter(created_at__lt=waited_long_enough).order_by("created_at").only("kind")[:500]
    for job in due:
        wake(job)
    Sweep.objects.update_or_create(pk=1, defaults={"at": now, "woken": len(due)})
    return len(due)
