"""An immutable, content-hashed version of a set of inputs, and one input of it."""

from typing import Any

from django.db import models


class EvalSet(models.Model):
    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64, unique=True)
    n_cases = models.PositiveIntegerField()
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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["eval_set", "external_id"], name="one_case_per_external_id"),
        ]

    def __str__(self) -> str:
        return self.external_id
