"""The go/no-go rule of an experiment: a draft that can be edited, and what was registered, with its hash."""

from typing import Any

from django.conf import settings
from django.db import models

from experiments.models.experiment import Experiment


class ExperimentPolicy(models.Model):
    """The rule while it can still be edited."""

    experiment = models.OneToOneField(Experiment, primary_key=True, on_delete=models.CASCADE, related_name="policy")
    body: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"draft policy of {self.experiment_id}"


class RegisteredPolicy(models.Model):
    """Number 1 is the registration, every later one an amendment with its reason. Never changed or deleted."""

    token = models.UUIDField(unique=True, help_text="made by the form, so that one sent twice counts once")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="policies")
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="canonical JSON, to the byte")
    sha256 = models.CharField(max_length=64)
    reason = models.TextField(blank=True, help_text="why it was amended")
    evidence: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, help_text="which evidence was open already when it was registered"
    )
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "number"], name="policies_are_numbered")]

    def __str__(self) -> str:
        return f"policy {self.number} of {self.experiment_id}, {self.sha256[:12]}"
