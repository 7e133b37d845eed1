"""What a campaign will look at and how many judgments it will wait for. Frozen and hashed when it is registered."""

import hashlib

import orjson
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from annotations.models import Campaign
from experiments.models.experiment import Experiment


class CampaignPlan(models.Model):
    class Sampling(models.TextChoices):
        ALL = "all", "All pairs"
        SAMPLE = "sample", "A random sample, stratified by category"
        IMPORTED = "imported", "Judgments collected elsewhere"

    class Stopping(models.TextChoices):
        FIXED = "fixed", "At the registered number of judgments"
        SEQUENTIAL = (
            "sequential",
            "As soon as a confidence sequence excludes one half, at the latest with all judgments",
        )

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="+")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="plans")
    sampling = models.CharField(max_length=10, choices=Sampling, default=Sampling.ALL)
    sample_size = models.PositiveIntegerField(null=True, blank=True)
    eval_sets = ArrayField(
        models.BigIntegerField(), null=True, help_text="ids of those whose cases are drawn from; null for all"
    )
    seed = models.BigIntegerField(help_text="drawn when the draft is made, before anybody looks")
    gold_share = models.FloatField(default=0, db_default=0, help_text="of the pairs, with a known answer")
    gold_threshold = models.FloatField(
        default=0.7, db_default=0.7, help_text="the least share of gold pairs that reviewers must get right"
    )
    n_gold = models.PositiveIntegerField(default=0, db_default=0, help_text="drawn when the campaign opened")
    stopping = models.CharField(
        max_length=10, choices=Stopping, default=Stopping.FIXED, db_default=Stopping.FIXED.value
    )
    planned_judgments = models.PositiveIntegerField(null=True, help_text="direction stays hidden until they are in")
    registered = models.JSONField(null=True, help_text="everything the hash covers")
    hash = models.CharField(max_length=64, blank=True)
    registered_at = models.DateTimeField(null=True)
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(sampling="sample") | Q(sample_size__gte=1), name="a_sample_has_a_size"),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0, gold_share__lte=0.5), name="gold_is_at_most_half_of_the_pairs"
            ),
            models.CheckConstraint(
                condition=Q(gold_threshold__gt=0, gold_threshold__lte=1), name="a_threshold_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(registered_at__isnull=True)
                | (Q(planned_judgments__isnull=False) & Q(registered__isnull=False) & ~Q(hash="")),
                name="a_registered_plan_is_complete",
            ),
        ]

    def __str__(self) -> str:
        return f"plan of {self.campaign_id}"

    @property
    def is_registered(self) -> bool:
        return self.registered_at is not None

    @staticmethod
    def hash_of(registered: dict[str, object]) -> str:
        return hashlib.sha256(orjson.dumps(registered, option=orjson.OPT_SORT_KEYS)).hexdigest()
