"""Two runs of one eval set version, paired case by case: computed in a worker, kept with what it came from."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from evalsite.platform.models import Job
from experiments.models.benchmark_run import BenchmarkRun
from experiments.models.eval_set import EvalCase
from experiments.models.experiment import Experiment


class RunComparison(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    baseline_run = models.ForeignKey(BenchmarkRun, on_delete=models.PROTECT, related_name="compared_as_baseline")
    candidate_run = models.ForeignKey(BenchmarkRun, on_delete=models.PROTECT, related_name="compared_as_candidate")
    experiment = models.ForeignKey(Experiment, null=True, on_delete=models.PROTECT, related_name="comparisons")
    source = models.CharField(max_length=64, help_text="hash of the scorers, margin and runs it was computed from")
    payload = models.JSONField(null=True, help_text="null until computed")
    state = models.CharField(
        max_length=20, blank=True, help_text="its finding in a word, for lists; empty until computed"
    )
    headline = models.TextField(blank=True, help_text="its finding in a sentence, for lists")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    computed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["baseline_run", "candidate_run", "experiment"],
                nulls_distinct=False,
                name="one_comparison_of_two_runs_in_an_experiment",
            ),
            models.CheckConstraint(
                condition=~Q(baseline_run=F("candidate_run")), name="a_run_is_not_compared_with_itself"
            ),
        ]
        indexes = [models.Index(fields=["-created_at"], name="comparisons_newest_first")]

    def __str__(self) -> str:
        return f"comparison {self.id}"


class CaseChange(models.Model):
    """A case on which the two runs differ by one scorer; what is equal is only counted."""

    class Kind(models.TextChoices):
        REGRESSION = "regression", "was right, is wrong"
        IMPROVEMENT = "improvement", "was wrong, is right"
        WORSE = "worse", "worse value"
        BETTER = "better", "better value"

    comparison = models.ForeignKey(RunComparison, on_delete=models.CASCADE, related_name="changes", db_index=False)
    scorer_key = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind)
    case = models.ForeignKey(EvalCase, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    position = models.PositiveIntegerField()
    category = models.CharField(max_length=200, blank=True)
    baseline_value = models.FloatField()
    candidate_value = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "scorer_key", "case"], name="one_change_per_case_and_scorer")
        ]
        indexes = [
            models.Index(fields=["comparison", "scorer_key", "kind", "position"], name="changes_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of case {self.case_id}"
