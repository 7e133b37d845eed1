"""When a command that waits for a job does the job itself."""

import time

from django.utils import timezone

from evalsite.platform.models import Job, Sweep

WAIT_FOR_A_WORKER = 5.0


def waits_for_nobody(job: Job, *, since: float) -> bool:
    """Due, whether nobody took it yet or who had it died, and no worker is there or none took it for a while.

    since: on the monotonic clock.
    """
    now = timezone.now()
    if not Job.objects.due(now=now).filter(pk=job.pk).exists():
        return False
    return time.monotonic() - since > WAIT_FOR_A_WORKER or not Sweep.objects.workers_alive(now=now)
