"""A lead looked at the direction before the registered number of judgments was in. Logged for ever."""

from django.conf import settings
from django.db import models

from annotations.models import Campaign


class Unblinding(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="unblindings")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    n_judgments = models.PositiveIntegerField(help_text="counted judgments at that moment")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"unblinding of {self.campaign_id} at {self.n_judgments} judgments"
