"""The evidence of an experiment as gathered last, how its verdict moved, and who saw which state."""

from typing import Any

from django.conf import settings
from django.db import models

from experiments.models.experiment import Experiment


class EvidenceSnapshot(models.Model):
    """Computed in a worker; the dashboard reads this row only."""

    experiment = models.OneToOneField(Experiment, primary_key=True, on_delete=models.CASCADE, related_name="snapshot")
    payload: "models.JSONField[Any, Any]" = models.JSONField(help_text="what the page shows beside the verdict")
    text = models.TextField(help_text="the evidence `decide` was given: canonical JSON, to the byte")
    sha256 = models.CharField(max_length=64)
    source = models.CharField(max_length=64, help_text="hash of the counters it came from; stale when they moved")
    verdict = models.CharField(max_length=12)
    reason = models.TextField(help_text="the verdict in a sentence")
    computed_at = models.DateTimeField()
    compute_ms = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["verdict", "-computed_at"], name="snapshots_by_verdict")]

    def __str__(self) -> str:
        return f"{self.verdict} of {self.experiment_id}"


class VerdictChange(models.Model):
    """Each time the computed verdict, or the state of a criterion, became another. Never changed."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="verdict_changes")
    verdict = models.CharField(max_length=12)
    reason = models.TextField()
    criteria: "models.JSONField[Any, Any]" = models.JSONField(help_text="status and estimate of each, by key")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["experiment", "-at"], name="verdicts_newest_first")]

    def __str__(self) -> str:
        return f"{self.verdict} of {self.experiment_id} at {self.at}"


class DashboardVisit(models.Model):
    """What a person saw last, so that the next visit can say what is new."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="+")
    seen: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "experiment"], name="one_last_visit")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.experiment_id}"
