"""Which response of a pair is the candidate's. The only row in the database that joins a pair to a model."""

from django.db import models
from django.db.models import Q

from annotations.models import Campaign, ComparisonTask
from experiments.models.eval_set import EvalCase
from experiments.models.experiment import Experiment
from experiments.models.output import Output


class BlindedPair(models.Model):
    """Written once, when the campaign opens. Cases and outputs are never deleted, so no constraint checks them."""

    task = models.OneToOneField(ComparisonTask, primary_key=True, on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="+")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="pairs", db_index=False)
    case = models.ForeignKey(EvalCase, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    baseline_output = models.ForeignKey(
        Output, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    candidate_output = models.ForeignKey(
        Output, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    candidate_option = models.PositiveSmallIntegerField(help_text="1 or 2: the response that is the candidate's")
    category = models.CharField(max_length=200, blank=True)
    identical = models.BooleanField(default=False, help_text="both responses are the same: tied, never shown")
    gold = models.CharField(
        max_length=9,
        blank=True,
        default="",
        db_default="",
        help_text="the known answer, where this pair measures reviewers instead of models",
    )
    baseline_length = models.PositiveIntegerField(help_text="characters")
    candidate_length = models.PositiveIntegerField(help_text="characters")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(candidate_option__in=[1, 2]), name="candidate_option_is_1_or_2"),
            models.CheckConstraint(
                condition=Q(gold__in=["", "candidate", "baseline", "tie", "both_bad"]), name="gold_is_an_outcome"
            ),
            models.CheckConstraint(condition=Q(gold="") | Q(identical=False), name="identical_pairs_measure_nobody"),
        ]

    def __str__(self) -> str:
        return f"pair {self.task_id}"

    @property
    def candidate_response(self) -> str:
        """As reviewers are shown it: the text, and after it the tool calls."""
        return self.task.response_1 if self.candidate_option == 1 else self.task.response_2

    @property
    def baseline_response(self) -> str:
        return self.task.response_2 if self.candidate_option == 1 else self.task.response_1
