"""A reviewer's note that something is wrong with a pair. Append-only; judging goes on."""

from django.db import models

from annotations.models.assignment import Assignment


class Flag(models.Model):
    class Reason(models.TextChoices):
        BROKEN = "broken", "A response is garbled or cut off"
        UNBLINDS = "unblinds", "A response tells who wrote it"
        HARMFUL = "harmful", "A response is harmful"
        PERSONAL = "personal", "It holds personal data"
        OTHER = "other", "Something else"

    COMMENT_LENGTH = 1000

    id = models.UUIDField(primary_key=True, help_text="made by the client, so that a repeated request is known")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="flags")
    reason = models.CharField(max_length=10, choices=Reason)
    comment = models.CharField(max_length=COMMENT_LENGTH, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.get_reason_display()
