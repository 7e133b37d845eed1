"""What reviewers send, checked for form. Whether it fits the campaign is the service's business."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Said:
    """A verdict on a pair, whole in form."""

    pair: UUID
    judgment: UUID
    verdict: Verdict


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
        self.is_valid()
        value = self.cleaned_data.get("pair")
        return value if isinstance(value, UUID) else None

    @property
    def first_error(self) -> str:
        return str(next(iter(self.errors.values()))[0])

    def said(self) -> Said:
        found: dict[str, Any] = self.cleaned_data
        verdict = Verdict(
            choice=found["choice"],
            criteria=self.criteria(),
            comment=found["comment"],
            active_ms=found["active_ms"] or 0,
            guidelines=found["guidelines"] or 0,
            supersedes=found["supersedes"],
        )
        return Said(found["pair"], found["judgment"], verdict)

    def criteria(self) -> dict[str, str]:
        return criteria_in(self.data)


def criteria_in(data: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.removeprefix(CRITERION_PREFIX): str(value)
        for name, value in data.items()
        if name.startswith(CRITERION_PREFIX) and value
    }


CHOICES = frozenset(Judgment.Choice.values)
# More digits than any turn has milliseconds.
MOST_DIGITS = 9


def said_as_usual(data: Mapping[str, str]) -> Said | None:
    """What our own page sends, read in a tenth of the form's time; None where the form must say what is wrong."""
    comment, active_ms, number = data.get("comment", ""), data.get("active_ms") or "0", data.get("guidelines") or "0"
    choice, supersedes = data.get("choice", ""), data.get("supersedes")
    if (
        choice not in CHOICES
        or len(comment) > Judgment.COMMENT_LENGTH
        or "\0" in comment
        or "\r" in comment
        or not is_count(active_ms)
        or not is_count(number)
    ):
        return None
    try:
        pair, judgment = UUID(data.get("pair", "")), UUID(data.get("judgment", ""))
        before = UUID(supersedes) if supersedes else None
    except ValueError:
        return None
    return Said(
        pair,
        judgment,
        Verdict(
            choice=choice,
            criteria=criteria_in(data),
            comment=comment,
            active_ms=int(active_ms),
            guidelines=int(number),
            supersedes=before,
        ),
    )


def is_count(text: str) -> bool:
    return len(text) <= MOST_DIGITS and text.isascii() and text.isdigit()


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
