"""A reviewer's place in a campaign: own counters, and how far the walk through the pairs has come."""

from typing import Self, TypedDict

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from annotations.models.campaign import Campaign
from evalsite.platform.models import User


class Asked(TypedDict):
    key: str
    label: str
    required: bool


class SeatQuerySet(models.QuerySet["Seat"]):
    def active(self) -> Self:
        return self.filter(removed_at__isnull=True)

    def of(self, reviewer: User) -> Self:
        return self.filter(reviewer=reviewer)


class Seat(models.Model):
    class Lap(models.IntegerChoices):
        """The ring of random keys is walked from a random start to its end, then from its beginning to the start.

        After that only pairs that were given back can be new to this reviewer.
        """

        TO_THE_END = 0
        TO_THE_START = 1
        WALKED = 2

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="seats")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="seats")
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    guidelines_seen = models.PositiveSmallIntegerField(default=0)

    done = models.PositiveIntegerField(default=0, help_text="pairs judged, surplus ones included")
    surplus = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    active_ms = models.PositiveBigIntegerField(default=0)
    last_judged_at = models.DateTimeField(null=True, blank=True)

    served = models.PositiveIntegerField(default=0, help_text="pairs shown")
    option_1_left = models.PositiveIntegerField(default=0, help_text="of those shown, with option 1 on the left")

    ring_start = models.BigIntegerField()
    ring_cursor = models.BigIntegerField()
    lap = models.PositiveSmallIntegerField(choices=Lap, default=Lap.TO_THE_END)
    reopened_cursor = models.PositiveBigIntegerField(default=0)

    # Of the whole campaign; set when reports/seated.py reads a seat.
    team_done: int
    team_size: int
    asked: list[Asked]

    objects = SeatQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "reviewer"], name="one_seat_per_reviewer"),
            models.CheckConstraint(condition=Q(option_1_left__lte=F("served")), name="seat_sides_add_up"),
            models.CheckConstraint(condition=Q(surplus__lte=F("done")), name="seat_surplus_is_part_of_done"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} in {self.campaign}"
