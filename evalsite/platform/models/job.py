"""Durable background work: the row is the truth, Celery only wakes it."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q


class JobQuerySet(models.QuerySet["Job"]):
    def live(self) -> "JobQuerySet":
        return self.filter(status__in=Job.LIVE)

    def due(self, *, now: datetime) -> "JobQuerySet":
        """Work that nobody holds: not started, or its holder stopped renewing the lease."""
        return self.filter(Q(status=Job.Status.QUEUED) | Q(status=Job.Status.RUNNING, lease_until__lt=now))


class Job(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        PARKED = "parked", "parked"
        CANCELLED = "cancelled", "cancelled"

    LIVE = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=100)
    key = models.CharField(max_length=200, blank=True, help_text="at most one live job per key")
    args = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    deliveries = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveIntegerField(default=0, help_text="fencing token: grows with each delivery")
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True)
    progress_note = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    result = models.JSONField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=Q(status__in=["queued", "running"]) & ~Q(key=""),
                name="one_live_job_per_key",
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False), name="running_jobs_hold_a_lease"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(status__in=["queued", "running"]), name="live_jobs"),
            models.Index(fields=["-created_at"], name="jobs_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_live(self) -> bool:
        return self.status in self.LIVE

    def seconds_left(self, *, now: datetime) -> float | None:
        """Time left at the pace so far; None until there is a pace."""
        if self.status != self.Status.RUNNING or not (self.started_at and self.progress_total and self.progress_done):
            return None
        pace = self.progress_done / max((now - self.started_at).total_seconds(), 0.001)
        return max(self.progress_total - self.progress_done, 0) / pace
