"""What a hook's form asks."""

from typing import Any
from uuid import uuid4

from django import forms

from experiments.models import Experiment
from experiments.services.hooks.keeping import SHORTEST_SECRET, HookRefused


class HookForm(forms.Form):
    token = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    name = forms.CharField(max_length=100, help_text="What your team calls it.")
    url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Gets a POST with JSON for every decision that is signed.",
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    experiment = forms.ModelChoiceField(
        Experiment.objects.order_by("-created_at"), required=False, empty_label="All experiments", label="Decisions on"
    )
    secret = forms.CharField(
        required=False,
        max_length=4000,
        help_text=(
            f"At least {SHORTEST_SECRET} characters that the receiver knows too: each message is signed with it. "
            "Stored encrypted, never shown again."
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def refuse(self, refusal: HookRefused) -> None:
        self.add_error(refusal.field or None, str(refusal))

    def asked(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("token", "name", "url", "experiment", "secret")}
