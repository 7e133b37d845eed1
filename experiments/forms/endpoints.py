"""What an endpoint's forms ask: where it is, what it bears, what it costs, and its key, which no form ever shows."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError

from experiments.endpoints.errors import CallError
from experiments.models import Endpoint
from experiments.services import keys
from experiments.services.endpoints import EndpointDraft, NotPossible, refuse_bad_base

MEGABYTE = 1024 * 1024
SAME_AS_DRAFT = (
    "name",
    "base_url",
    "max_concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "timeout_seconds",
    "max_attempts",
    "price_per_million_input",
    "price_per_million_output",
    "currency",
)


class PriceField(forms.DecimalField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False, min_value=Decimal(0), max_value=Decimal(100_000), decimal_places=4, max_digits=12, **options
        )


class EndpointForm(forms.Form):
    token = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    name = forms.CharField(max_length=100, help_text="What your team calls it.")
    base_url = forms.CharField(
        label="Base URL",
        max_length=500,
        help_text="Up to and with /v1, as in https://api.example.com/v1. /chat/completions is added to it.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    same_models = forms.BooleanField(
        required=False,
        label="The same models answer at the new address",
        help_text="If they are others, make a new endpoint: what was measured here must not change its meaning.",
    )
    max_concurrency = forms.IntegerField(
        label="Calls at once", min_value=1, max_value=1000, initial=8, help_text="By all workers together."
    )
    requests_per_minute = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)
    tokens_per_minute = forms.IntegerField(required=False, min_value=1, max_value=2_000_000_000)
    max_attempts = forms.IntegerField(
        label="Attempts", min_value=1, max_value=20, initial=5, help_text="Per case, the first included."
    )
    timeout_seconds = forms.IntegerField(
        label="Seconds for one answer",
        min_value=1,
        max_value=3600,
        initial=60,
        help_text="From connecting to the last byte.",
    )
    max_response_mb = forms.DecimalField(
        label="Largest answer in MB",
        min_value=Decimal("0.01"),
        max_value=Decimal(64),
        initial=2,
        max_digits=6,
        decimal_places=2,
    )
    price_per_million_input = PriceField(label="Price of a million input tokens")
    price_per_million_output = PriceField(label="Price of a million output tokens")
    currency = forms.RegexField(r"\A[A-Z]{3}\Z", initial="USD", help_text="Three letters, like EUR.")

    def __init__(self, *args: Any, endpoint: Endpoint | None = None, **options: Any) -> None:
        self.endpoint = endpoint
        super().__init__(*args, **options)
        if endpoint is None or not endpoint.model_versions.exists():
            del self.fields["same_models"]

    def clean_base_url(self) -> str:
        base_url: str = self.cleaned_data["base_url"]
        try:
            refuse_bad_base(base_url)
        except CallError as error:
            raise ValidationError(str(error)) from None
        return base_url

    def refuse(self, refusal: NotPossible) -> None:
        """Beside the field it is about, where the form shows it."""
        self.add_error(refusal.field_name if refusal.field_name in self.fields else None, str(refusal))

    def draft(self) -> EndpointDraft:
        said = {name: self.cleaned_data[name] for name in SAME_AS_DRAFT}
        return EndpointDraft(**said, max_response_bytes=self.max_response_bytes())

    def max_response_bytes(self) -> int:
        """To the byte as it was where nobody touched the rounded megabytes."""
        if self.endpoint is not None and "max_response_mb" not in self.changed_data:
            return self.endpoint.max_response_bytes
        return int(self.cleaned_data["max_response_mb"] * MEGABYTE)


def initial_of(endpoint: Endpoint) -> dict[str, Any]:
    drafted = {name: getattr(endpoint, name) for name in SAME_AS_DRAFT}
    size = Decimal(endpoint.max_response_bytes) / MEGABYTE
    return {**drafted, "max_response_mb": size.quantize(Decimal("0.01")), "token": endpoint.token or uuid4()}


class KeyForm(forms.Form):
    """Never bound to what is stored, and never shown again with what was typed."""

    key = forms.CharField(
        label="API key",
        max_length=keys.LONGEST,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        try:
            keys.check(key)
        except keys.BadKey as error:
            raise ValidationError(str(error)) from None
        return key


class CheckForm(forms.Form):
    model = forms.CharField(
        required=False,
        max_length=200,
        label="Model to ask",
        help_text="Empty: the one used last, or the first of its list.",
        widget=forms.TextInput(attrs={"list": "known-models", "autocapitalize": "none", "spellcheck": "false"}),
    )
