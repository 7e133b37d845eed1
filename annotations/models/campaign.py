"""A round of blinded human review. It knows pairs and reviewers, never a model."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Campaign(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "draft"
        OPENING = "opening", "opening"
        OPEN = "open", "open"
        PAUSED = "paused", "paused"
        CLOSED = "closed", "closed"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=200)
    question = models.CharField(max_length=300, help_text="shown above every pair")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    reviewers_per_pair = models.PositiveSmallIntegerField(default=3)
    allow_tie = models.BooleanField(default=True)
    allow_both_bad = models.BooleanField(default=True)
    lease_minutes = models.PositiveSmallIntegerField(default=30)
    current_guidelines = models.ForeignKey(
        "annotations.GuidelinesVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    n_tasks = models.PositiveIntegerField(default=0, help_text="pairs to judge, identical ones not counted")
    n_identical = models.PositiveIntegerField(default=0)
    reopenings = models.PositiveBigIntegerField(default=0, help_text="the last number given to a re-opened task")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(reviewers_per_pair__gte=1), name="a_pair_needs_a_reviewer"),
            models.CheckConstraint(condition=Q(lease_minutes__gte=1), name="a_lease_lasts_a_minute"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def is_closed(self) -> bool:
        return self.status == self.Status.CLOSED
