"""A registered number of judgments that could not be reached any more, and what it was lowered to. For ever."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from annotations.models import Campaign


class PlanAmendment(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="amendments")
    planned_before = models.PositiveIntegerField()
    planned_judgments = models.PositiveIntegerField(help_text="direction stays hidden until they are in")
    n_judgments = models.PositiveIntegerField(help_text="counted judgments at that moment")
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(planned_judgments__lt=F("planned_before")), name="an_amendment_lowers_the_number"
            )
        ]

    def __str__(self) -> str:
        return f"amendment of {self.campaign_id} to {self.planned_judgments} judgments"
