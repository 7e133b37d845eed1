"""One reviewer's turn at one pair: made when it is claimed, holds the side order and the lease."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotations.models.campaign import Campaign
from annotations.models.comparison_task import ComparisonTask
from evalsite.platform.models import User


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def of(self, reviewer: User) -> Self:
        return self.filter(reviewer=reviewer)

    def stale(self, *, now: datetime) -> Self:
        """Held, but its reviewer went away."""
        return self.filter(state=Assignment.State.OPEN, lease_until__lt=now)

    def finished(self) -> Self:
        return self.filter(state__in=Assignment.FINISHED)

    def counted(self) -> Self:
        """The live judgments that statistics read: one per reviewer and pair, surplus ones left out."""
        return self.filter(state=Assignment.State.JUDGED, surplus=False)


class Assignment(models.Model):
    class State(models.TextChoices):
        OPEN = "open", "open"
        JUDGED = "judged", "judged"
        SKIPPED = "skipped", "skipped"
        LAPSED = "lapsed", "lapsed"

    FINISHED = (State.JUDGED, State.SKIPPED)

    class SkipReason(models.TextChoices):
        NOT_MY_FIELD = "not_my_field", "I do not know this field"
        CANNOT_READ = "cannot_read", "I cannot read this language"
        TOO_LONG = "too_long", "Too long to judge with care now"
        UNCLEAR = "unclear", "The prompt makes no sense to me"
        OTHER = "other", "Something else"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(ComparisonTask, on_delete=models.CASCADE, related_name="assignments")
    # Both stand in indexes of their own below.
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="assignments", db_index=False)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments", db_index=False
    )
    first_option = models.PositiveSmallIntegerField(help_text="which option stands on the left, as A")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    lease_until = models.DateTimeField()
    claimed_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    surplus = models.BooleanField(default=False, help_text="judged when the pair had all its judgments already")
    current_judgment = models.ForeignKey(
        "annotations.Judgment", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    skip_reason = models.CharField(max_length=20, choices=SkipReason, blank=True)
    skip_comment = models.CharField(max_length=1000, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reviewer", "task"], name="never_two_from_one_reviewer"),
            models.UniqueConstraint(
                fields=["reviewer", "campaign"], condition=Q(state="open"), name="one_open_pair_per_reviewer"
            ),
            models.CheckConstraint(condition=Q(first_option__in=[1, 2]), name="first_option_is_1_or_2"),
            models.CheckConstraint(
                condition=~Q(state="judged") | Q(current_judgment__isnull=False), name="judged_has_a_judgment"
            ),
        ]
        indexes = [
            models.Index("lease_until", condition=Q(state="open"), name="open_leases"),
            models.Index("reviewer", "campaign", condition=Q(state="lapsed"), name="lapsed_pairs"),
            models.Index(
                "campaign",
                "reviewer",
                models.F("finished_at").desc(),
                condition=Q(state__in=["judged", "skipped"]),
                name="finished_newest_first",
            ),
        ]

    def __str__(self) -> str:
        return str(self.uuid)

    @property
    def left(self) -> str:
        return self.task.response_1 if self.first_option == 1 else self.task.response_2

    @property
    def right(self) -> str:
        return self.task.response_2 if self.first_option == 1 else self.task.response_1
