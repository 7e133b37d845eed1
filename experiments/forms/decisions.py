"""What a lead says when signing: the verdict, a comment, and why, where it is not the rule's."""

from typing import Any
from uuid import uuid4

from django import forms

from experiments.models import Decision

LONGEST_TEXT = 10_000


class SignForm(forms.Form):
    """`evidence` is the hash of what the page showed: signing is refused when it has moved since."""

    token = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    evidence = forms.CharField(max_length=64, widget=forms.HiddenInput)
    verdict = forms.ChoiceField(label="Your verdict", choices=Decision.Verdict.choices, widget=forms.RadioSelect)
    override_reason = forms.CharField(
        label="Why against the rule",
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed where your verdict is not the rule’s. It is shown with this decision for ever.",
    )
    comment = forms.CharField(
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What you decide and what follows from it, for those who read this in a year.",
    )

    def __init__(self, *args: Any, computed: str, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.computed = computed
        self.fields["verdict"].initial = computed
        self.fields["verdict"].choices = [  # type: ignore[attr-defined]
            (value, f"{words}, as the rule gives" if value == computed else f"{words}, against the rule")
            for value, words in Decision.Verdict.choices
        ]

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        verdict, reason = said.get("verdict"), said.get("override_reason", "").strip()
        if verdict and verdict != self.computed and not reason:
            self.add_error("override_reason", f"The rule gives {self.computed}. Say why you sign {verdict}.")
        if verdict == self.computed and reason:
            self.add_error(
                "override_reason",
                f"You sign {verdict} as the rule gives it, so there is nothing to override: move this to the comment.",
            )
        return said
