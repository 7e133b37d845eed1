"""What is under test: a model, its prompt template, its parameters."""

from django.db import models
from django.db.models import Q

from experiments.models.endpoint import Endpoint


class ModelVersion(models.Model):
    class Source(models.TextChoices):
        IMPORTED = "imported", "imported outputs"
        ENDPOINT = "endpoint", "called over HTTP"

    name = models.CharField(max_length=200)
    version = models.CharField(max_length=50)
    source = models.CharField(max_length=20, choices=Source, default=Source.IMPORTED)
    endpoint = models.ForeignKey(
        Endpoint, null=True, on_delete=models.PROTECT, related_name="model_versions", help_text="null where imported"
    )
    model = models.CharField(max_length=200, blank=True, help_text="the name the endpoint knows it by")
    system_prompt = models.TextField(blank=True)
    prompt_template = models.TextField(blank=True)
    params = models.JSONField(default=dict)
    content_hash = models.CharField(
        max_length=64, help_text="of the prompt template and parameters; of the texts where outputs were imported"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(source="endpoint") | Q(endpoint__isnull=False) & ~Q(model=""),
                name="a_called_model_has_its_endpoint",
            ),
            models.UniqueConstraint(fields=["name", "version"], name="one_model_version_per_name"),
            models.UniqueConstraint(fields=["name", "content_hash"], name="one_model_version_per_content"),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"
