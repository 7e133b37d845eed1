"""A file of judgments collected elsewhere, and the closed campaign it became."""

from django.conf import settings
from django.db import models

from annotations.models import Campaign
from experiments.models.experiment import Experiment


class JudgmentImport(models.Model):
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="judgment_imports")
    campaign = models.OneToOneField(Campaign, on_delete=models.PROTECT, related_name="+")
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    n_judgments = models.PositiveIntegerField()
    sides_known = models.BooleanField(help_text="whether the file says which response stood on the left")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "sha256"], name="the_same_judgments_are_imported_once")
        ]

    def __str__(self) -> str:
        return self.filename
