"""Baseline against candidate, over suites of cases."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from experiments.models.eval_set import EvalSet
from experiments.models.model_version import ModelVersion


class Experiment(models.Model):
    name = models.CharField(max_length=200, unique=True)
    baseline = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="experiments_as_baseline")
    candidate = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="experiments_as_candidate")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(baseline=F("candidate")), name="a_model_is_not_compared_with_itself")
        ]
        indexes = [models.Index(fields=["-created_at"], name="experiments_newest_first")]

    def __str__(self) -> str:
        return self.name


class SuiteRole(models.TextChoices):
    TARGET = "target", "Target: what the candidate was made for"
    GENERAL = "general", "General: what it must not forget"
    ADVERSARIAL = "adversarial", "Adversarial: what it must withstand"
    STRUCTURED = "structured", "Structured: formats it must keep"


class ExperimentSuite(models.Model):
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="suites")
    eval_set = models.ForeignKey(EvalSet, on_delete=models.PROTECT, related_name="suites")
    role = models.CharField(max_length=20, choices=SuiteRole, default=SuiteRole.TARGET)
    margin = models.FloatField(default=0.05, help_text="the largest regression that is still accepted")
    margin_is_relative = models.BooleanField(default=False, help_text="a share of the baseline's rate, not points")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "eval_set"], name="one_role_per_set"),
            models.CheckConstraint(condition=Q(margin__gt=0, margin__lt=1), name="a_margin_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.eval_set_id} as {self.role}"
