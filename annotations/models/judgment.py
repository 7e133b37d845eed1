"""What a reviewer said about a pair, as seen: A is the left response. Append-only; an edit is a new revision."""

from django.db import models
from django.db.models import Q

from annotations.models.assignment import Assignment
from annotations.models.guidelines_version import GuidelinesVersion


class Judgment(models.Model):
    class Choice(models.TextChoices):
        A = "a", "A is better"
        B = "b", "B is better"
        TIE = "tie", "Tie"
        BOTH_BAD = "both_bad", "Both are bad"

    class Side(models.TextChoices):
        """The answer to one criterion."""

        A = "a", "A"
        TIE = "tie", "="
        B = "b", "B"

    COMMENT_LENGTH = 4000

    id = models.UUIDField(primary_key=True, help_text="made by the client, so that a repeated request is known")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="judgments", db_index=False)
    revision = models.PositiveSmallIntegerField(default=1)
    choice = models.CharField(max_length=8, choices=Choice)
    criteria = models.JSONField(default=dict, help_text="criterion key -> a, tie or b")
    comment = models.CharField(max_length=COMMENT_LENGTH, blank=True)
    active_ms = models.PositiveIntegerField(default=0)
    guidelines = models.ForeignKey(
        GuidelinesVersion, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    body_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "revision"], name="one_judgment_per_revision"),
            models.CheckConstraint(condition=Q(choice__in=["a", "b", "tie", "both_bad"]), name="choice_is_known"),
        ]

    def __str__(self) -> str:
        return self.get_choice_display()
