"""What came in from production: who was exposed to which arm, every event, what was refused, and sums per unit."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from experiments.models.live_test import LiveTest


class Exposure(models.Model):
    """A unit's first assignment; it stays. Never changed or deleted; written by COPY."""

    class Source(models.TextChoices):
        ASSIGNED = "assigned", "asked for over the API"
        EVENT = "event", "told by a client that computes the rule itself"
        GATEWAY = "gateway", "routed by the gateway"
        IMPORTED = "imported", "imported"

    live_test = models.ForeignKey(
        LiveTest, on_delete=models.PROTECT, related_name="exposures", db_constraint=False, db_index=False
    )
    unit_id = models.CharField(max_length=200, db_collation="C")
    arm = models.CharField(max_length=9)
    bucket = models.PositiveIntegerField(null=True)
    source = models.CharField(max_length=10, choices=Source)
    exposed_at = models.DateTimeField()
    segment: "models.JSONField[Any, Any]" = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [models.UniqueConstraint(fields=["live_test", "unit_id"], name="one_exposure_per_unit")]
        indexes = [models.Index(fields=["live_test", "exposed_at"], name="exposures_over_time")]

    def __str__(self) -> str:
        return f"{self.unit_id} in {self.arm}"


class ArmConflict(models.Model):
    """A unit that was also seen in the other arm: left out of every comparison, counted in the health checks."""

    live_test = models.ForeignKey(LiveTest, on_delete=models.PROTECT, related_name="conflicts", db_index=False)
    unit_id = models.CharField(max_length=200, db_collation="C")
    seen_arm = models.CharField(max_length=9)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["live_test", "unit_id"], name="one_conflict_per_unit")]

    def __str__(self) -> str:
        return f"{self.unit_id} also in {self.seen_arm}"


class EventBatch(models.Model):
    """Events of one transaction: folded into sums as a whole, once. Without a test only to count what was refused."""

    live_test = models.ForeignKey(LiveTest, null=True, on_delete=models.PROTECT, related_name="batches", db_index=False)
    n = models.PositiveIntegerField(help_text="events accepted and stored")
    counts: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, db_default={}, help_text="how many got which other answer: duplicate, late, …"
    )
    received_at = models.DateTimeField()
    folded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["live_test", "id"], condition=models.Q(folded_at=None), name="batches_to_fold"),
            models.Index(fields=["live_test", "received_at"], include=["n"], name="batches_with_sizes"),
            # Those of the last day and what older ones were merged into, so that counting never reads them all.
            models.Index(
                fields=["live_test"], condition=models.Q(n=0) | ~models.Q(counts={}), name="batches_with_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class LiveEvent(models.Model):
    """One accepted event, in a table partitioned by a hash of event_id, so that its uniqueness can be a constraint."""

    pk = models.CompositePrimaryKey("live_test_id", "event_id")
    live_test_id = models.BigIntegerField()
    event_id = models.CharField(max_length=100, db_collation="C")
    batch_id = models.BigIntegerField()
    name = models.CharField(max_length=100, db_collation="C")
    unit_id = models.CharField(max_length=200, db_collation="C")
    conversation_id = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    value = models.FloatField(null=True)
    properties: "models.JSONField[Any, Any]" = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "experiments_liveevent"

    def __str__(self) -> str:
        return self.event_id


class RefusedEvent(models.Model):
    """An event that was not taken, with its reason: counted in the health checks and listed."""

    class Reason(models.TextChoices):
        MALFORMED = "malformed", "not understood"
        UNKNOWN_TEST = "unknown_test", "no such test"
        NOT_RUNNING = "not_running", "the test does not run"
        LATE = "late", "too old"
        EARLY = "early", "its clock is ahead"
        BEFORE_EXPOSURE = "before_exposure", "before the unit was exposed"
        NOT_EXPOSED = "not_exposed", "the unit was never exposed"
        CONFLICT = "conflict", "same id with another body"

    live_test = models.ForeignKey(LiveTest, null=True, on_delete=models.CASCADE, related_name="refused", db_index=False)
    reason = models.CharField(max_length=20, choices=Reason)
    detail = models.CharField(max_length=300, blank=True)
    event_id = models.CharField(max_length=100, blank=True)
    unit_id = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["live_test", "reason", "-received_at"], name="refused_newest_first")]

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class UnitMetric(models.Model):
    """One unit's sums for one metric of the plan. All that statistics read."""

    live_test = models.ForeignKey(
        LiveTest, on_delete=models.CASCADE, related_name="unit_metrics", db_constraint=False, db_index=False
    )
    metric = models.CharField(max_length=60, db_collation="C")
    unit_id = models.CharField(max_length=200, db_collation="C")
    n = models.PositiveIntegerField(default=0, help_text="events counted")
    total = models.FloatField(default=0, help_text="sum of their values; the numerator of a ratio")
    denominator = models.FloatField(default=0, help_text="of a ratio")
    before = models.FloatField(null=True, help_text="the pre-period covariate")
    values = ArrayField(models.FloatField(), default=list, help_text="single values, for quantiles only")
    last_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["live_test", "metric", "unit_id"], name="one_sum_per_unit")]

    def __str__(self) -> str:
        return f"{self.metric} of {self.unit_id}"
