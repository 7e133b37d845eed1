"""One ModelVersion's response to one EvalCase."""

from typing import Any

from django.db import models

from experiments.models.eval_set import EvalCase
from experiments.models.model_version import ModelVersion


class Output(models.Model):
    """Never changed or deleted. Written by COPY, which checks the references without a constraint itself."""

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="outputs", db_constraint=False, db_index=False
    )
    case = models.ForeignKey(
        EvalCase, on_delete=models.PROTECT, related_name="outputs", db_constraint=False, db_index=False
    )
    text = models.TextField(blank=True)
    latency_ms = models.FloatField(null=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    finish_reason = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    tool_calls: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    logprobs_sum = models.FloatField(null=True, help_text="natural logarithm, over all its tokens")
    logprobs_n = models.PositiveIntegerField(null=True)
    concurrency = models.PositiveSmallIntegerField(null=True, help_text="calls in flight when this one was made")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model_version", "case"], name="one_output_per_case")]

    def __str__(self) -> str:
        return f"output {self.pk}"
