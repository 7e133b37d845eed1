"""One act that renews all evidence of an experiment: its parts, and how far each has come."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from experiments.models.experiment import Experiment


class PipelineRun(models.Model):
    class Status(models.TextChoices):
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.UUIDField(null=True, unique=True, help_text="made by the form, so that sending it twice makes one")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="pipelines")
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    status_reason = models.TextField(blank=True)
    parts: "models.JSONField[Any, Any]" = models.JSONField(
        default=list, help_text="key, title, state, done, total, reused, note, and what it made, in their order"
    )
    verdict = models.CharField(max_length=12, blank=True)
    evidence_sha256 = models.CharField(max_length=64, blank=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(status="running"), name="one_pipeline_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["experiment", "-created_at"], name="pipelines_newest_first")]

    def __str__(self) -> str:
        return f"pipeline {self.id} of {self.experiment_id}"
