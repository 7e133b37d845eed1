"""A production A/B test, the plan it was registered with, and every later act that changes how it is read."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from experiments.models.experiment import Experiment
from experiments.models.model_version import ModelVersion


class LiveTest(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "draft"
        REGISTERED = "registered", "registered"
        RUNNING = "running", "running"
        STOPPED = "stopped", "stopped"

    key = models.SlugField(
        max_length=100, unique=True, help_text="what client applications name it by; part of the hash"
    )
    name = models.CharField(max_length=200)
    experiment = models.ForeignKey(Experiment, null=True, on_delete=models.PROTECT, related_name="live_tests")
    control = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    treatment = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    token = models.UUIDField(null=True, unique=True, help_text="made by the form, so that sending it twice makes one")
    split = models.FloatField(default=0.5, help_text="share of treatment now: the plan's, or what it was raised to")
    draft: "models.JSONField[Any, Any]" = models.JSONField(default=dict, help_text="the plan while it can be edited")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stop_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(control=F("treatment")), name="two_arms_are_two_models"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "registered"], started_at=None)
                | Q(status__in=["running", "stopped"], started_at__isnull=False),
                name="a_started_test_has_its_start",
            ),
            models.CheckConstraint(condition=Q(split__gt=0, split__lt=1), name="a_split_leaves_both_arms"),
        ]
        indexes = [models.Index(fields=["-created_at"], name="live_tests_newest_first")]

    def __str__(self) -> str:
        return self.name


class LivePlan(models.Model):
    """Registered before the first unit: canonical JSON and its SHA-256. Never changed or deleted."""

    live_test = models.OneToOneField(LiveTest, on_delete=models.PROTECT, related_name="plan")
    body: "models.JSONField[Any, Any]" = models.JSONField()
    sha256 = models.CharField(max_length=64)
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"plan {self.sha256[:12]}"


class LiveAmendment(models.Model):
    """What was changed after registration, by whom and why; shown beside every result. Never changed or deleted."""

    class Kind(models.TextChoices):
        RAMP = "ramp", "split raised"
        EXTENSION = "extension", "planned size or duration changed"
        METRICS = "metrics", "metrics changed"
        OPENED_EARLY = "opened_early", "direction opened early"
        GUARDRAIL = "guardrail", "stopped by a guardrail"
        STOPPED_EARLY = "stopped_early", "stopped before the planned size"
        NOTE = "note", "note"

    # Of these the plan in force is made.
    TO_THE_PLAN = (Kind.EXTENSION, Kind.METRICS)

    token = models.UUIDField(unique=True, help_text="made by the form, so that one sent twice counts once")
    live_test = models.ForeignKey(LiveTest, on_delete=models.PROTECT, related_name="amendments")
    kind = models.CharField(max_length=20, choices=Kind)
    change: "models.JSONField[Any, Any]" = models.JSONField(default=dict, help_text="before and after")
    reason = models.TextField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["live_test", "made_at"], name="live_amendments_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.live_test_id}"


class LiveResult(models.Model):
    """The newest computed result of a test, beside the counters it came from."""

    live_test = models.OneToOneField(LiveTest, primary_key=True, on_delete=models.CASCADE, related_name="result")
    payload: "models.JSONField[Any, Any]" = models.JSONField()
    source: "models.JSONField[Any, Any]" = models.JSONField(default=dict, help_text="units and events counted")
    computed_at = models.DateTimeField()
    compute_ms = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"result of {self.live_test_id}"


class LiveLook(models.Model):
    """One point of the difference over time, or a planned look of a group-sequential test. Never changed."""

    live_test = models.ForeignKey(LiveTest, on_delete=models.PROTECT, related_name="looks")
    number = models.PositiveIntegerField()
    planned = models.BooleanField(default=False)
    at = models.DateTimeField()
    figures: "models.JSONField[Any, Any]" = models.JSONField(
        help_text="per metric: n per arm, estimate, interval, bound"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["live_test", "number"], name="looks_are_numbered")]

    def __str__(self) -> str:
        return f"look {self.number} of {self.live_test_id}"
