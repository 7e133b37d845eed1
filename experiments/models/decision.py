"""A signed decision, frozen with all it rests on, and the addresses that are told about it."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from experiments.models.experiment import Experiment
from experiments.models.policy import RegisteredPolicy


class Decision(models.Model):
    """Never changed or deleted: a later one supersedes it."""

    class Verdict(models.TextChoices):
        GO = "GO", "GO"
        NO_GO = "NO-GO", "NO-GO"
        INCONCLUSIVE = "INCONCLUSIVE", "INCONCLUSIVE"
        INVALID = "INVALID", "INVALID"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.UUIDField(unique=True, help_text="made by the form, so that one sent twice counts once")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveIntegerField()
    policy = models.ForeignKey(RegisteredPolicy, on_delete=models.PROTECT, related_name="decisions")
    evidence_text = models.TextField(help_text="canonical JSON, to the byte")
    evidence_sha256 = models.CharField(max_length=64)
    verdict_text = models.TextField(help_text="what `decide` gave: canonical JSON, to the byte")
    verdict_sha256 = models.CharField(max_length=64)
    report: "models.JSONField[Any, Any]" = models.JSONField(help_text="all that the printed report shows")
    data_sha256 = models.CharField(max_length=64, help_text="of the rows behind the evidence")
    code_version = models.CharField(max_length=100)
    computed_verdict = models.CharField(max_length=12, choices=Verdict)
    verdict = models.CharField(max_length=12, choices=Verdict, help_text="as signed")
    override_reason = models.TextField(blank=True)
    comment = models.TextField()
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "number"], name="decisions_are_numbered"),
            models.CheckConstraint(
                condition=Q(verdict=models.F("computed_verdict"), override_reason="")
                | ~Q(verdict=models.F("computed_verdict")) & ~Q(override_reason=""),
                name="an_override_has_its_reason",
            ),
        ]
        indexes = [models.Index(fields=["-signed_at"], name="decisions_newest_first")]

    def __str__(self) -> str:
        return f"decision {self.number} of {self.experiment_id}: {self.verdict}"


class DecisionHook(models.Model):
    """An address that hears of every decision, or of one experiment's."""

    token = models.UUIDField(null=True, unique=True, help_text="made by the form, so that sending it twice makes one")
    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    secret_ciphertext = models.TextField(blank=True, help_text="MultiFernet; signs what is sent")
    experiment = models.ForeignKey(Experiment, null=True, on_delete=models.CASCADE, related_name="hooks")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class HookDelivery(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "failed"

    hook = models.ForeignKey(DecisionHook, on_delete=models.CASCADE, related_name="deliveries")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="deliveries")
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(help_text="when it is tried next")
    answer = models.CharField(max_length=300, blank=True, help_text="status or error of the last try")
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hook", "decision"], name="told_once_per_address")]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(status="waiting"), name="deliveries_to_make"),
        ]

    def __str__(self) -> str:
        return f"{self.hook_id} about {self.decision_id}: {self.status}"
