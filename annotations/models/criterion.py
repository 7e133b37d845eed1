"""One thing reviewers compare besides the verdict, such as correctness."""

from django.db import models

from annotations.models.campaign import Campaign


class Criterion(models.Model):
    # Key and label of what a new campaign asks, unless its lead says otherwise.
    DEFAULTS = (
        ("correctness", "Correctness"),
        ("helpfulness", "Helpfulness"),
        ("safety", "Safety"),
        ("format", "Format"),
    )

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="criteria")
    key = models.SlugField(max_length=40)
    label = models.CharField(max_length=60)
    required = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "criteria"
        constraints = [models.UniqueConstraint(fields=["campaign", "key"], name="criterion_key_once")]

    def __str__(self) -> str:
        return self.label
