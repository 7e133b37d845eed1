"""A pair whose right verdict is known: it measures reviewers. Append-only; the last row of a case counts."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from experiments.models.eval_set import EvalCase
from experiments.models.experiment import Experiment


class GoldAnswer(models.Model):
    class Answer(models.TextChoices):
        CANDIDATE = "candidate", "candidate"
        BASELINE = "baseline", "baseline"
        TIE = "tie", "tie"
        BOTH_BAD = "both_bad", "both bad"
        WITHDRAWN = "", "no known answer"

    class Source(models.TextChoices):
        IMPORT = "import", "a column of the import"
        LEAD = "lead", "marked on the pair's page"

    request = models.UUIDField(
        null=True, unique=True, help_text="made by the client, so that a repeated request is known"
    )
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="gold_answers", db_index=False)
    case = models.ForeignKey(EvalCase, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    answer = models.CharField(max_length=9, choices=Answer, blank=True)
    source = models.CharField(max_length=6, choices=Source)
    reason = models.CharField(max_length=1000, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(source="lead") | ~Q(reason=""), name="a_lead_says_why_an_answer_is_known"
            ),
        ]
        indexes = [models.Index(fields=["experiment", "case", "-id"], name="gold_answers_newest_first")]

    def __str__(self) -> str:
        return f"{self.case_id}: {self.get_answer_display()}"
