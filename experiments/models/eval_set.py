"""An immutable, content-hashed version of a set of inputs, and one input of it."""

from typing import Any

from django.conf import settings
from django.db import models


class EvalSet(models.Model):
    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64, unique=True)
    n_cases = models.PositiveIntegerField()
    description = models.TextField(blank=True)
    categories = models.JSONField(
        null=True, help_text="each with its number of cases, the largest first; null where they were not counted"
    )
    scorers = models.JSONField(
        default=list, help_text="how its outputs are scored unless a run says otherwise: scorer, params, primary"
    )
    warnings = models.JSONField(default=list, help_text="what its dry run warned of, kept with the version")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="one_eval_set_version_per_name")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class EvalCase(models.Model):
    """Never changed or deleted. Written by COPY, which checks the reference without a constraint itself."""

    eval_set = models.ForeignKey(
        EvalSet, on_delete=models.PROTECT, related_name="cases", db_constraint=False, db_index=False
    )
    external_id = models.CharField(max_length=200, db_collation="C")
    position = models.PositiveIntegerField()
    system = models.TextField(blank=True)
    turns: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    prompt = models.TextField()
    expected = models.TextField(blank=True)
    category = models.CharField(max_length=200, blank=True)
    tags: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    cluster = models.CharField(max_length=200, blank=True)
    metadata: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    checks: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict,
        db_default={},
        help_text="what the case asks beyond `expected`: accepted, schema, tools, expected_tool_calls, "
        "must_not_match, must_not_call",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["eval_set", "external_id"], name="one_case_per_external_id"),
        ]

    def __str__(self) -> str:
        return self.external_id
