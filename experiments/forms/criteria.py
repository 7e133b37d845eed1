"""One criterion as fields. What is typed is what people say: 60 for 60%, 5 for 5 points, 2 for twice."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from experiments.deciding import catalogue, wording
from experiments.deciding.catalogue import GUARDRAILS, METRICS, metric_of
from experiments.policy import Criterion
from experiments.reports.policies.fitting import Place

OWN_METRIC = "live:own"
NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,9})?|\.\d{1,9})%?")
BELONGS = {
    "benchmark": ("role", "eval_set_id", "scorer", "category"),
    "human": ("campaign", "category"),
    "live": ("live_test",),
    "cost": ("role", "eval_set_id"),
}
# Fields of a row whose names differ from those of a policy file.
SHOWN_AS = {"evidence.layer": "asks", "evidence.metric": "asks"}

# Fields that are folded away, and what usually stands in them.
MORE = {
    "eval_set_id": "",
    "scorer": "",
    "category": "",
    "campaign": "",
    "beyond": "",
    "level": "95",
    "unit": "",
}


class SpokenNumber(forms.Field):
    """5, -5, 2.5 or 95%; a decimal comma and a typographic minus are understood."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"inputmode": "decimal", "maxlength": 30}), **options)

    def to_python(self, value: Any) -> Decimal | None:
        text = "".join(str(value or "").split()).replace(wording.MINUS, "-")
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text.replace(",", "")
        if not text:
            return None
        if not NUMBER.fullmatch(text):
            raise forms.ValidationError("Write a number, such as 5 or 2.5.")
        return Decimal(text.rstrip("%"))


def asked_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    own = {"live": [(OWN_METRIC, "another metric of its plan")]}
    return [
        (words, [*((f"{layer}:{key}", metric.title) for key, metric in METRICS[layer].items()), *own.get(layer, [])])
        for layer, words in catalogue.LAYERS.items()
    ]


class CriterionForm(forms.Form):
    use_required_attribute = False

    key = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    title = forms.CharField(max_length=120, label="Criterion")
    asks = forms.ChoiceField(choices=asked_choices, label="What it asks about", initial="benchmark:value")
    role = forms.ChoiceField(
        required=False,
        label="On which suites",
        choices=[("", "all"), *((role, f"{role} suites") for role in catalogue.ROLES)],
    )
    comparison = forms.ChoiceField(choices=list(catalogue.COMPARISONS.items()), label="What is held against it")
    direction = forms.ChoiceField(choices=list(catalogue.BOUNDS.items()), label="Bound")
    threshold = SpokenNumber(
        required=False, label="Threshold", help_text="60 for 60%, −5 for 5 points lower, 2 for 2 ×"
    )
    rule = forms.ChoiceField(choices=list(catalogue.RULES.items()), label="How it is met")
    beyond = SpokenNumber(
        required=False, label="Interval must lie beyond", help_text="Where that is less than the threshold."
    )
    level = SpokenNumber(label="Level, %", initial=95)
    required = forms.BooleanField(required=False, initial=True, label="Has a say in the verdict")
    eval_set_id = forms.ChoiceField(required=False, label="Only this suite")
    scorer = forms.CharField(
        required=False, max_length=120, label="Scorer", help_text="By its key; empty is each suite’s main one."
    )
    category = forms.CharField(
        required=False, max_length=200, label="Category", help_text="* asks each category on its own."
    )
    campaign = forms.ChoiceField(required=False, label="Only this campaign")
    live_test = forms.ChoiceField(required=False, label="Live test")
    live_metric = forms.CharField(required=False, max_length=100, label="Key of its metric")
    unit = forms.ChoiceField(
        required=False,
        label="Unit",
        choices=[
            ("", "as the metric has it"),
            ("share", "a share, in %"),
            ("number", "a plain number"),
            ("coefficient", "a coefficient"),
            ("ms", "milliseconds"),
            ("cost", "money"),
            ("tokens", "tokens"),
        ],
    )
    remove = forms.BooleanField(required=False, label="Remove")

    def __init__(self, *args: Any, place: Place, **options: Any) -> None:
        super().__init__(*args, **options)
        self.place = place
        sets = [(str(key), f"{name} ({role})") for key, (name, role) in place.sets.items()]
        offered = {
            "eval_set_id": [("", "all of them"), *sets],
            "campaign": [("", "all of them together"), *place.campaigns.items()],
            "live_test": [("", "the newest"), *((key, test.name) for key, test in place.live_tests.items())],
        }
        for name, choices in offered.items():
            chosen = self.fields[name]
            assert isinstance(chosen, forms.ChoiceField)  # noqa: S101 - declared above
            chosen.choices = choices

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("asks") == OWN_METRIC and not said.get("live_metric"):
            self.add_error("live_metric", "Say which, by its key in the plan.")
        if self.is_of_guardrails:
            # Each has its own margin, from the plan.
            return {**said, "comparison": "absolute", "direction": "at_least", "threshold": Decimal(0), "beyond": None}
        if said.get("threshold") is None and "threshold" not in self.errors:
            self.add_error("threshold", "Say where the line is.")
        return said

    @property
    def is_of_guardrails(self) -> bool:
        return bool(self.cleaned_data.get("asks") == f"live:{GUARDRAILS}")

    @property
    def has_more(self) -> bool:
        """Whether a field behind "more" must be seen: it is wrong, or holds what is not usual."""
        if not self["required"].value() or any(self[name].errors for name in MORE):
            return True
        return any(str(self[name].value() or "") not in (usual, "") for name, usual in MORE.items())

    @property
    def is_removed(self) -> bool:
        return bool(self.cleaned_data.get("remove"))

    def raw(self) -> dict[str, Any]:
        """As a policy file has it, without a key of its own yet."""
        said = self.cleaned_data
        layer, _, metric = said["asks"].partition(":")
        evidence: dict[str, Any] = {
            "layer": layer,
            "metric": said["live_metric"] if said["asks"] == OWN_METRIC else metric,
        }
        for name in BELONGS[layer]:
            evidence[name] = said[name] if name != "eval_set_id" else int(said[name] or 0) or None
        unit = said["unit"] or self.usual_unit(layer, evidence)
        beyond = said["beyond"]
        return {
            "key": said["key"],
            "title": said["title"],
            "evidence": evidence,
            "comparison": said["comparison"],
            "direction": said["direction"],
            "threshold": scaled(said["threshold"], said["comparison"], unit),
            "level": float(said["level"] / 100),
            "rule": said["rule"],
            "shown_beyond": None if beyond is None else scaled(beyond, said["comparison"], unit),
            "required": said["required"],
            "unit": unit,
        }

    def usual_unit(self, layer: str, evidence: Mapping[str, Any]) -> str:
        if layer == "live" and (planned := self.place.unit_of(evidence["live_test"], evidence["metric"])):
            return planned
        known = metric_of(evidence["layer"], evidence["metric"])
        return known.unit if known else "share"

    def refuse(self, field: str, reason: str) -> None:
        """A problem of the policy, at the field that causes it."""
        name = SHOWN_AS.get(field, field.removeprefix("evidence.")).replace("shown_beyond", "beyond")
        self.add_error(name if name in self.fields and name != "key" else None, reason)


def scaled(value: Decimal, comparison: str, unit: str) -> float:
    return float(value / 100) if in_hundredths(comparison, unit) else float(value)


def in_hundredths(comparison: str, unit: str) -> bool:
    return comparison == "relative" or (unit == "share" and comparison != "ratio")


def spoken(value: float | None, comparison: str, unit: str) -> str:
    if value is None or math.isnan(value):
        return ""
    return wording.trimmed(value * (100 if in_hundredths(comparison, unit) else 1), 6).replace(wording.MINUS, "-")


def row_of(one: Criterion) -> dict[str, Any]:
    """What the fields of a row hold for this criterion."""
    about = one.evidence
    is_known = about.metric in METRICS[about.layer]
    return {
        "key": one.key,
        "title": one.title,
        "asks": f"{about.layer}:{about.metric}" if is_known else OWN_METRIC,
        "live_metric": "" if is_known else about.metric,
        "comparison": one.comparison,
        "direction": one.direction,
        "threshold": spoken(one.threshold, one.comparison, one.unit),
        "beyond": spoken(one.shown_beyond, one.comparison, one.unit),
        "rule": one.rule,
        "level": spoken(one.level, "relative", "share"),
        "required": one.required,
        "unit": "" if is_known and METRICS[about.layer][about.metric].unit == one.unit else one.unit,
        "role": about.role,
        "eval_set_id": str(about.eval_set_id or ""),
        "scorer": about.scorer,
        "category": about.category,
        "campaign": about.campaign,
        "live_test": about.live_test,
    }
