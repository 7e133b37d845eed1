"""The moment at which a campaign's confidence sequence excluded one half. It closed by itself then."""

from django.db import models

from annotations.models import Campaign


class SequentialStop(models.Model):
    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.PROTECT, related_name="+")
    n_pairs = models.PositiveIntegerField(help_text="pairs with all their judgments, which the sequence reads")
    n_judgments = models.PositiveIntegerField(help_text="counted judgments at that moment")
    estimate = models.FloatField()
    ci_low = models.FloatField()
    ci_high = models.FloatField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"stop of {self.campaign_id} at {self.n_pairs} pairs"
