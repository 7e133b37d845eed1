"""Computed results, beside the count they were computed from. Pages only read them."""

from django.db import models

from annotations.models import Campaign
from experiments.models.experiment import Experiment


class CampaignResult(models.Model):
    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.CASCADE, related_name="+")
    n_judgments = models.PositiveIntegerField(help_text="counted judgments it was computed from")
    source = models.CharField(max_length=200, help_text="counters at that moment; stale when they have moved")
    revealed = models.BooleanField(default=False, help_text="whether the payload tells the direction")
    payload = models.JSONField()
    pairs = models.BinaryField(default=b"", help_text="one fixed-size record per pair, see reports/pair_index.py")
    computed_at = models.DateTimeField()
    compute_ms = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"result of {self.campaign_id} from {self.n_judgments} judgments"


class ExperimentResult(models.Model):
    """All campaigns of an experiment whose direction is known, taken together."""

    experiment = models.OneToOneField(Experiment, primary_key=True, on_delete=models.CASCADE, related_name="+")
    n_judgments = models.PositiveIntegerField()
    revealed = models.BooleanField(default=False)
    payload = models.JSONField()
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"result of {self.experiment_id} from {self.n_judgments} judgments"
