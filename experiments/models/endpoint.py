"""Where models are called: an OpenAI-compatible address, its key, its limits, and how it is doing right now."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Endpoint(models.Model):
    token = models.UUIDField(null=True, unique=True, help_text="made by the form, so that sending it twice makes one")
    name = models.CharField(max_length=100, unique=True)
    base_url = models.URLField(max_length=500)
    key_ciphertext = models.TextField(blank=True, help_text="MultiFernet; empty where no key is needed")
    key_origin = models.CharField(max_length=300, blank=True, help_text="the only origin the key is ever sent to")
    key_set_at = models.DateTimeField(null=True)
    max_concurrency = models.PositiveSmallIntegerField(default=8)
    requests_per_minute = models.PositiveIntegerField(null=True)
    tokens_per_minute = models.PositiveIntegerField(null=True)
    timeout_seconds = models.PositiveSmallIntegerField(default=60)
    max_response_bytes = models.PositiveIntegerField(default=2 * 1024 * 1024)
    max_attempts = models.PositiveSmallIntegerField(default=5)
    price_per_million_input = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    price_per_million_output = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="USD")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(key_ciphertext="") | ~Q(key_origin=""), name="a_key_is_bound_to_an_origin"
            ),
            models.CheckConstraint(condition=Q(max_concurrency__gte=1, max_attempts__gte=1), name="endpoint_limits"),
        ]

    def __str__(self) -> str:
        return self.name


class EndpointState(models.Model):
    """Shared by all workers: what the endpoint bears now, whether it is resting, and when the next call may start."""

    class Breaker(models.TextChoices):
        CLOSED = "closed", "answering"
        OPEN = "open", "resting after failures"
        HALF_OPEN = "half_open", "being tried again"

    endpoint = models.OneToOneField(Endpoint, primary_key=True, on_delete=models.CASCADE, related_name="state")
    concurrency = models.FloatField(help_text="calls at once that it bears now; falls at 429, rises with success")
    eased_at = models.DateTimeField(null=True, help_text="when it last fell; calls begun earlier say nothing new")
    resting_until = models.DateTimeField(null=True, help_text="as Retry-After said")
    breaker = models.CharField(max_length=10, choices=Breaker, default=Breaker.CLOSED)
    breaker_opened_at = models.DateTimeField(null=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    next_request_at = models.DateTimeField(null=True, help_text="when the rate limit next allows a call")
    tokens_left = models.FloatField(null=True)
    tokens_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    check_findings = models.JSONField(null=True, help_text="what the last check said, in words")

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.breaker}"


class EndpointSlots(models.Model):
    """Calls at once that one holder may make until its lease ends; all of an endpoint together stay below its limit."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="slots")
    holder = models.UUIDField(unique=True)
    n = models.PositiveSmallIntegerField()
    wants = models.PositiveSmallIntegerField(default=0)
    in_flight = models.PositiveSmallIntegerField(default=0, help_text="as the holder last said")
    goes_first = models.BooleanField(
        default=False, db_default=False, help_text="somebody waits for its calls, so runs leave it one"
    )
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.n} of {self.endpoint_id}"
