"""What a lead says when signing: the verdict, a comment, and why, where it is not the rule's."""

from typing import Any
from uuid import uuid4

from django import forms

from experiments.models import Decision
from experiments.services.decisions import MOST_CHARACTERS


class SignForm(forms.Form):
    """evidence, policy, computed: hashes and verdict of what the page showed. When they moved, nothing is signed."""

    token = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    evidence = forms.CharField(max_length=64, widget=forms.HiddenInput)
    policy = forms.CharField(max_length=64, widget=forms.HiddenInput)
    computed = forms.ChoiceField(choices=Decision.Verdict.choices, widget=forms.HiddenInput)
    verdict = forms.ChoiceField(label="Your verdict", choices=Decision.Verdict.choices, widget=forms.RadioSelect)
    override_reason = forms.CharField(
        label="Why against the rule",
        required=False,
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Only where your verdict is not the rule’s. It is shown with this decision for ever.",
    )
    comment = forms.CharField(
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What you decide and what follows from it, for those who read this in a year.",
    )

    def __init__(self, *args: Any, computed: str, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["verdict"].choices = [  # type: ignore[attr-defined]
            (value, f"{words}, as the rule gives" if value == computed else f"{words}, against the rule")
            for value, words in Decision.Verdict.choices
        ]

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        verdict, computed, reason = said.get("verdict"), said.get("computed"), said.get("override_reason", "")
        if verdict and computed and verdict != computed and not reason and "override_reason" not in self.errors:
            self.add_error("override_reason", f"The rule gives {computed}. Say why you sign {verdict}.")
        if verdict and verdict == computed and reason:
            self.add_error(
                "override_reason",
                f"You sign {verdict} as the rule gives it, so there is nothing to override: move this to the comment.",
            )
        return said
