"""A ModelVersion run over an EvalSet: one item per case, every attempt at a call, and the scorers applied."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from evalsite.platform.models import Job
from experiments.models.eval_set import EvalCase, EvalSet
from experiments.models.experiment import Experiment
from experiments.models.model_version import ModelVersion
from experiments.models.output import Output


class ErrorClass(models.TextChoices):
    """Why a case has no usable output. Never a score of 0, never out of sight."""

    TIMEOUT = "timeout", "no answer in time"
    REFUSED = "refused", "connection refused or dropped"
    DNS = "dns", "name not found"
    BLOCKED = "blocked_address", "address not allowed"
    RATE_LIMITED = "rate_limited", "too many requests (429)"
    HTTP_4XX = "http_4xx", "request refused (4xx)"
    HTTP_5XX = "http_5xx", "server error (5xx)"
    MALFORMED = "malformed", "answer not understood"
    TOO_LARGE = "too_large", "answer too large"
    EMPTY = "empty", "empty answer"
    FILTERED = "filtered", "held back by a content filter"
    TRUNCATED = "truncated", "cut off at the length limit"
    BUDGET = "budget", "budget used up"
    ENDED = "ended", "ended by a person"
    MISSING = "missing", "no output imported"


class BenchmarkRunQuerySet(models.QuerySet["BenchmarkRun"]):
    def listed(self) -> "BenchmarkRunQuerySet":
        return self.select_related("model_version", "eval_set", "created_by", "job").order_by("-created_at")

    def finished(self) -> "BenchmarkRunQuerySet":
        return self.filter(status=BenchmarkRun.Status.DONE)


class BenchmarkRun(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        SCORING = "scoring", "scoring"
        DONE = "done", "done"
        CANCELLED = "cancelled", "cancelled"
        FAILED = "failed", "failed"

    LIVE = (Status.QUEUED, Status.RUNNING, Status.SCORING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    eval_set = models.ForeignKey(EvalSet, on_delete=models.PROTECT, related_name="runs")
    experiment = models.ForeignKey(Experiment, null=True, on_delete=models.PROTECT, related_name="runs")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    status_reason = models.TextField(blank=True, help_text="why it is paused or has failed, for a reader")
    threads = models.PositiveSmallIntegerField(default=8, help_text="calls at once that one worker makes")
    budget = models.DecimalField(max_digits=12, decimal_places=4, null=True, help_text="in the endpoint's currency")
    n_cases = models.PositiveIntegerField(default=0)
    n_done = models.PositiveIntegerField(default=0)
    n_errors = models.PositiveIntegerField(default=0)
    n_reused = models.PositiveIntegerField(default=0, help_text="cases whose output stood already")
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = BenchmarkRunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(n_cases__gte=F("n_done") + F("n_errors")), name="run_counts_add_up")
        ]
        indexes = [models.Index(fields=["-created_at"], name="runs_newest_first")]

    def __str__(self) -> str:
        return f"run {self.id}"


class RunItem(models.Model):
    """One case of a run: waiting until it has an output or an error, never both, never neither at the end."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        DONE = "done", "has its output"
        ERROR = "error", "ended in an error"

    run = models.ForeignKey(BenchmarkRun, on_delete=models.CASCADE, related_name="items", db_index=False)
    case = models.ForeignKey(EvalCase, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    output = models.ForeignKey(
        Output, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    error_class = models.CharField(max_length=20, choices=ErrorClass, blank=True)
    error_detail = models.CharField(max_length=500, blank=True, help_text="for a reader; never a header or a key")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True, help_text="where a back-off is longer than a worker waits")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "case"], name="one_item_per_case"),
            models.CheckConstraint(
                condition=Q(state="waiting", output=None, error_class="")
                | Q(state="done", output__isnull=False, error_class="")
                # What was cut off, filtered or empty is an error with the output that shows it.
                | Q(state="error") & ~Q(error_class=""),
                name="an_output_or_an_error",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(state="waiting"), name="items_waiting"),
            models.Index(fields=["run", "error_class"], condition=Q(state="error"), name="items_in_error"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"


class Attempt(models.Model):
    """One call that was made for an item, whatever came of it. Never changed or deleted."""

    item = models.ForeignKey(RunItem, on_delete=models.DO_NOTHING, related_name="tries", db_constraint=False)
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    elapsed_ms = models.FloatField()
    error_class = models.CharField(max_length=20, blank=True, help_text="empty where it succeeded")
    status_code = models.PositiveSmallIntegerField(null=True)
    detail = models.CharField(max_length=500, blank=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    concurrency = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"attempt {self.number} of item {self.item_id}"

    @property
    def words(self) -> str:
        return ErrorClass(self.error_class).label if self.error_class else "answered"


class RunScorer(models.Model):
    """One scorer, in one version with one set of parameters, over the outputs of one run."""

    run = models.ForeignKey(BenchmarkRun, on_delete=models.PROTECT, related_name="scorers")
    key = models.CharField(max_length=120, help_text="name the run's tables use: the scorer's, or a label of its own")
    scorer = models.CharField(max_length=50)
    version = models.PositiveSmallIntegerField()
    params: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, help_text="of scorer, version and parameters")
    is_primary = models.BooleanField(default=False)
    is_current = models.BooleanField(default=True, help_text="false once the run was rescored otherwise")
    n_scored = models.PositiveIntegerField(default=0)
    n_passed = models.PositiveIntegerField(null=True, help_text="null where the scorer has no pass mark")
    n_failed_to_score = models.PositiveIntegerField(default=0)
    summary: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, help_text="estimate with interval, overall and per category, as computed in a worker"
    )
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "fingerprint"], name="a_run_is_scored_once_by_each"),
            models.UniqueConstraint(fields=["run", "key"], condition=Q(is_current=True), name="one_current_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.run_id}"


class Score(models.Model):
    """One scorer's value for one case. Never changed or deleted; written by COPY."""

    run_scorer = models.ForeignKey(
        RunScorer, on_delete=models.PROTECT, related_name="scores", db_constraint=False, db_index=False
    )
    case = models.ForeignKey(EvalCase, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    value = models.FloatField(null=True, help_text="null where the scorer could not say, with the reason in detail")
    passed = models.BooleanField(null=True)
    detail: "models.JSONField[Any, Any]" = models.JSONField(default=dict, help_text="what it looked at and why")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run_scorer", "case"], name="one_score_per_case")]

    def __str__(self) -> str:
        return f"score {self.pk}"
