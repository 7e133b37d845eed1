"""When a worker last swept: how pages and /readyz know that background work is alive."""

from datetime import datetime, timedelta

from django.db import models


class SweepQuerySet(models.QuerySet["Sweep"]):
    def workers_alive(self, *, now: datetime) -> bool:
        return self.filter(at__gt=now - Sweep.ALIVE_FOR).exists()


class Sweep(models.Model):
    """One row, id 1."""

    ALIVE_FOR = timedelta(seconds=30)

    at = models.DateTimeField()
    woken = models.PositiveIntegerField(default=0)

    objects = SweepQuerySet.as_manager()

    def __str__(self) -> str:
        return f"sweep at {self.at}"
