"""A prompt and two responses, frozen as shown. Which response is whose is not known here."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from annotations.models.campaign import Campaign


class ComparisonTaskQuerySet(models.QuerySet["ComparisonTask"]):
    def wanting_judgments(self) -> Self:
        return self.filter(identical=False, judged__lt=F("needed"))


class ComparisonTask(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="tasks", db_index=False)
    system = models.TextField(blank=True)
    turns = models.JSONField(default=list, blank=True, help_text="earlier turns: [{role, content}]")
    prompt = models.TextField()
    response_1 = models.TextField(blank=True)
    response_2 = models.TextField(blank=True)
    identical = models.BooleanField(default=False, help_text="both responses are the same: tied, never shown")

    random_key = models.BigIntegerField(help_text="place on the ring that reviewers walk")
    needed = models.PositiveSmallIntegerField()
    taken = models.PositiveSmallIntegerField(default=0, help_text="places held by open or judged assignments")
    judged = models.PositiveSmallIntegerField(default=0)
    option_1_left = models.PositiveSmallIntegerField(default=0, help_text="of those taken, with option 1 on the left")
    reopened = models.PositiveBigIntegerField(null=True, blank=True, help_text="grows each time a place is given back")

    objects = ComparisonTaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "random_key"], name="one_pair_per_place_on_the_ring"),
            models.CheckConstraint(
                condition=Q(judged__gte=0, judged__lte=F("taken"), taken__lte=F("needed")),
                name="a_pair_gets_no_more_judgments_than_asked",
            ),
            models.CheckConstraint(
                condition=Q(option_1_left__gte=0, option_1_left__lte=F("taken")), name="task_sides_add_up"
            ),
            models.CheckConstraint(condition=Q(identical=False) | Q(taken=0), name="identical_pairs_are_never_served"),
        ]
        indexes = [
            models.Index(
                "campaign", "random_key", condition=Q(identical=False, taken__lt=F("needed")), name="pairs_to_claim"
            ),
            models.Index(
                "campaign",
                "reopened",
                condition=Q(identical=False, taken__lt=F("needed"), reopened__isnull=False),
                name="pairs_given_back",
            ),
        ]

    def __str__(self) -> str:
        return self.prompt[:60]
