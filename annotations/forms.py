"""What reviewers send, checked for form. Whether it fits the campaign is the service's business."""

from typing import Any
from uuid import UUID

from django import forms

from annotations.models import Assignment, Flag, Judgment
from annotations.services.judgments import Verdict

CRITERION_PREFIX = "criterion-"


class Remark(forms.CharField):
    """Free text as it was typed: a form sends each line break as two characters, a script as one."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


class JudgmentForm(forms.Form):
    pair = forms.UUIDField()
    judgment = forms.UUIDField()
    supersedes = forms.UUIDField(required=False)
    choice = forms.ChoiceField(
        choices=Judgment.Choice.choices, error_messages={"required": "Choose a verdict, then submit."}
    )
    comment = Remark(required=False, max_length=Judgment.COMMENT_LENGTH, strip=False)
    active_ms = forms.IntegerField(required=False)
    guidelines = forms.IntegerField(required=False, min_value=0)

    @property
    def pair_uuid(self) -> UUID | None:
        value = self.cleaned_data.get("pair")
        return value if isinstance(value, UUID) else None

    @property
    def first_error(self) -> str:
        return str(next(iter(self.errors.values()))[0])

    def verdict(self) -> Verdict:
        said: dict[str, Any] = self.cleaned_data
        return Verdict(
            choice=said["choice"],
            criteria=self.criteria(),
            comment=said["comment"],
            active_ms=said["active_ms"] or 0,
            guidelines=said["guidelines"] or 0,
            supersedes=said["supersedes"],
        )

    def criteria(self) -> dict[str, str]:
        return {
            name.removeprefix(CRITERION_PREFIX): str(value)
            for name, value in self.data.items()
            if name.startswith(CRITERION_PREFIX) and value
        }


class SkipForm(forms.Form):
    pair = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.ChoiceField(choices=Assignment.SkipReason.choices, widget=forms.RadioSelect, label="Why?")
    comment = Remark(
        required=False, max_length=1000, label="More about it, if you like", widget=forms.Textarea(attrs={"rows": 3})
    )


class FlagForm(forms.Form):
    pair = forms.UUIDField(widget=forms.HiddenInput)
    flag = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.ChoiceField(choices=Flag.Reason.choices, widget=forms.RadioSelect, label="What is wrong?")
    comment = Remark(
        required=False,
        max_length=Flag.COMMENT_LENGTH,
        label="More about it, if you like",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
