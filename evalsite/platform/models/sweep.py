"""When a worker last swept: how pages and /readyz know that background work is alive."""

from datetime import datetime, timedelta

from django.db import models

from evalsite.platform.models.job import Job


class SweepQuerySet(models.QuerySet["Sweep"]):
    def workers_alive(self, *, now: datetime) -> bool:
        """A worker whose every place is taken by long jobs does not come to sweep, but they show signs of life."""
        lately = now - Sweep.ALIVE_FOR
        swept = self.filter(at__gt=lately).values_list("at")
        busy = Job.objects.filter(status=Job.Status.RUNNING, heartbeat_at__gt=lately).values_list("heartbeat_at")
        return swept.union(busy).exists()


class Sweep(models.Model):
    """One row, id 1."""

    ALIVE_FOR = timedelta(seconds=30)

    at = models.DateTimeField()
    woken = models.PositiveIntegerField(default=0)

    objects = SweepQuerySet.as_manager()

    def __str__(self) -> str:
        return f"sweep at {self.at}"
