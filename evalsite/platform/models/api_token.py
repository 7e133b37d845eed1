"""A token of a program: shown once, kept as its hash, good for the scopes it names."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from evalsite.platform.models.user import User


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, *, now: datetime) -> "ApiTokenQuerySet":
        """Not revoked, not expired, and whoever made it is still let in."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None, created_by__is_active=True)

    def listed_for(self, user: User) -> "ApiTokenQuerySet":
        """An admin sees everybody's, a lead their own."""
        mine = self if user.has_role("admin") else self.filter(created_by=user)
        return mine.select_related("created_by").order_by("-created_at")


class ApiToken(models.Model):
    class Scope(models.TextChoices):
        READ = "read", "read results"
        BENCHMARKS = "benchmarks", "import eval sets and outputs, start runs, score and compare"
        EVENTS = "events", "send events and ask for assignments (write only)"
        LIVE = "live", "plan and run live tests"
        GATEWAY = "gateway", "route model calls"

    name = models.CharField(max_length=100)
    hint = models.CharField(max_length=12, help_text="its first letters, to tell tokens apart")
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    minute = models.BigIntegerField(default=0, help_text="the minute since 1970 in which `requests` were counted")
    requests = models.PositiveIntegerField(default=0)
    events_minute = models.BigIntegerField(default=0, help_text="the same of `events`, of which there may be many more")
    events = models.PositiveIntegerField(default=0, help_text="counted by the second, not at each request")

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    def state(self, *, now: datetime) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now else "active"
