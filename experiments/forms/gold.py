"""What a lead knows about a pair."""

from typing import Any
from uuid import uuid4

from django import forms

SHARED = [("tie", "Tie"), ("both_bad", "Both bad"), ("none", "No known answer")]
BY_ARM = [("baseline", "The baseline is better"), ("candidate", "The candidate is better"), *SHARED]
# While the direction is hidden nobody is told which response is whose, not even by this form.
BY_PLACE = [("response_1", "Response 1 is better"), ("response_2", "Response 2 is better"), *SHARED]


class GoldForm(forms.Form):
    request = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    answer = forms.ChoiceField(widget=forms.RadioSelect, label="The right verdict")
    reason = forms.CharField(
        max_length=1000,
        label="How is it known?",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept for ever with your name.",
    )

    def __init__(self, *args: Any, told: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        answer = self.fields["answer"]
        assert isinstance(answer, forms.ChoiceField)  # noqa: S101 - declared above
        answer.choices = BY_ARM if told else BY_PLACE
