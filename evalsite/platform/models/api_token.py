"""A token of a program: shown once, kept as its hash, good for the scopes it names."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from evalsite.platform.models.user import User


class ApiToken(models.Model):
    class Scope(models.TextChoices):
        READ = "read", "read results"
        BENCHMARKS = "benchmarks", "import eval sets and outputs, start runs, score and compare"
        EVENTS = "events", "send events and ask for assignments (write only)"

    name = models.CharField(max_length=100)
    hint = models.CharField(max_length=12, help_text="its first letters, to tell tokens apart")
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
