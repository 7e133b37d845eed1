"""A job as its page shows it: how far, how long still, what failed, and whether anybody works at all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from evalsite.platform.models import Job, Sweep

PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True)
class Progress:
    job: Job
    seconds_left: float | None
    no_worker: bool

    @property
    def percent(self) -> int | None:
        if self.job.status == Job.Status.DONE:
            return 100
        if not self.job.progress_total:
            return None
        return min(100, 100 * self.job.progress_done // self.job.progress_total)

    @property
    def is_live(self) -> bool:
        return self.job.is_live


def progress_of(job: Job, *, now: datetime) -> Progress:
    return Progress(job=job, seconds_left=job.seconds_left(now=now), no_worker=waits_in_vain(job, now=now))


def waits_in_vain(job: Job, *, now: datetime) -> bool:
    """Due for a while, and no worker has swept lately."""
    waiting_since = job.created_at if job.status == Job.Status.QUEUED else job.lease_until
    if not job.is_live or waiting_since is None or waiting_since + PATIENCE > now:
        return False
    return not Sweep.objects.workers_alive(now=now)
