"""What reviewers are asked to look at. Versioned, since a judgment names the version it was made under."""

from django.db import models

from annotations.models.campaign import Campaign


class GuidelinesVersion(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="guidelines_versions")
    number = models.PositiveSmallIntegerField()
    text = models.TextField(help_text="Markdown")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="guidelines_number_once")]

    def __str__(self) -> str:
        return f"guidelines version {self.number}"
