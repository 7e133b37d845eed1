"""The metrics of a live test's plan, as a list of small forms to which more can be added."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.text import slugify

from experiments.forms.numbers import ShareField
from experiments.live_plan import PRESETS, Problem

PREFIX = "metrics"
MOST = 30
BLANK = "blank"
ROLES = [("primary", "primary"), ("secondary", "secondary"), ("guardrail", "guardrail")]
KINDS = [
    ("rate", "rate: share of units"),
    ("mean", "mean per unit"),
    ("ratio", "ratio of sums"),
    ("quantile", "quantile of values"),
]
DIRECTIONS = [("higher", "higher is better"), ("lower", "lower is better")]
PERS = [("unit", "every exposed unit"), ("unit_with_event", "units with an event")]
FOLDED = ("field", "unit", "covariate_event", "covariate_field", "covariate_days")
# Field of a plan's metric -> field of the form, where their names differ.
NAMES = {
    "denominator": "denominator_event",
    "denominator.event": "denominator_event",
    "denominator.field": "denominator_field",
    "covariate": "covariate_event",
    "covariate.event": "covariate_event",
    "covariate.field": "covariate_field",
    "covariate.days": "covariate_days",
}


class MetricForm(forms.Form):
    """What does not belong to the chosen kind is left out of the plan when it is empty, and named when it is not."""

    title = forms.CharField(max_length=100, label="Name")
    key = forms.CharField(max_length=60, required=False, label="Key", help_text="Empty: made from the name.")
    role = forms.ChoiceField(choices=ROLES, initial="secondary", label="Role")
    kind = forms.ChoiceField(choices=KINDS, initial="rate", label="Kind")
    event = forms.CharField(max_length=100, label="Event", help_text="As applications name it.")
    field = forms.CharField(
        max_length=100,
        required=False,
        label="Amount",
        help_text="value, count or properties.NAME. Empty: count for a rate, value otherwise.",
    )
    direction = forms.ChoiceField(choices=DIRECTIONS, initial="higher", label="Direction")
    unit = forms.CharField(max_length=20, required=False, label="Unit", help_text="As ms, turns, points.")
    at_least = forms.IntegerField(
        min_value=1, max_value=1_000_000, required=False, label="Events needed", help_text="Empty: 1. For repeat use 2."
    )
    per = forms.ChoiceField(
        choices=PERS,
        initial="unit",
        required=False,
        label="Over",
        help_text="A unit without events counts as 0, or not at all.",
    )
    cap = forms.FloatField(
        required=False, label="Cap", help_text="A unit above it counts as the cap, so that one outlier cannot decide."
    )
    q = ShareField(required=False, label="Quantile", help_text=".95 or 95 %.")
    denominator_event = forms.CharField(max_length=100, required=False, label="Divided by event")
    denominator_field = forms.CharField(max_length=100, required=False, label="Its amount", help_text="Empty: value.")
    margin = ShareField(
        required=False, label="May get worse by", help_text="Of a guardrail, in the metric’s unit, or as a share."
    )
    margin_is_relative = forms.BooleanField(required=False, label="as a share of control")
    covariate_event = forms.CharField(
        max_length=100,
        required=False,
        label="Event before",
        help_text="The same unit’s events before its exposure take out noise (CUPED).",
    )
    covariate_field = forms.CharField(max_length=100, required=False, label="Its amount", help_text="Empty: value.")
    covariate_days = forms.IntegerField(min_value=1, max_value=365, required=False, label="Days before")

    def raw(self) -> dict[str, Any]:
        """The metric as a plan says it."""
        said = self.cleaned_data
        raw: dict[str, Any] = {name: said[name] for name in ("title", "role", "kind", "event", "direction", "unit")}
        raw["key"] = said["key"] or key_of(said["title"])
        raw |= {name: said[name] for name in ("field", "at_least", "per", "cap", "q", "margin") if said[name]}
        if said["margin"] == 0:
            raw["margin"] = 0
        if said["margin_is_relative"]:
            raw["margin_is_relative"] = True
        if said["denominator_event"]:
            raw["denominator"] = part(said, "denominator", "event", "field")
        if said["covariate_event"]:
            raw["covariate"] = part(said, "covariate", "event", "field", "days")
        return {name: value for name, value in raw.items() if value != ""}

    @property
    def has_more(self) -> bool:
        """Whether something stands in the fields that are folded away."""
        return any(self[name].errors or self[name].value() for name in FOLDED)


MetricFormSet = forms.formset_factory(MetricForm, extra=0, min_num=1, max_num=MOST, validate_max=True, can_delete=True)


def part(said: Mapping[str, Any], name: str, *fields: str) -> dict[str, Any]:
    return {field: said[f"{name}_{field}"] for field in fields if said[f"{name}_{field}"]}


def key_of(title: str) -> str:
    key = slugify(title).replace("-", "_")[:60].strip("_")
    return key if key[:1].isalpha() else f"m_{key}"[:60]


def metric_forms(data: Mapping[str, Any] | None = None, metrics: Sequence[Mapping[str, Any]] = ()) -> Any:
    """Filled in by a person, or from the metrics of a plan."""
    if data is not None:
        return MetricFormSet(data, prefix=PREFIX)
    return MetricFormSet(initial=[initial_of(metric) for metric in metrics], prefix=PREFIX)


def kept(formset: Any) -> list[MetricForm]:
    """Those that were not removed, in order: the metrics of the plan."""
    removed = formset.deleted_forms if formset.is_bound else []
    return [form for form in formset.forms if form not in removed]


def one_more(data: Mapping[str, Any], preset: str) -> Any:
    """The forms as they stand, unchecked, without those removed, and one more at the end: a preset, or an empty one."""
    formset = MetricFormSet(data, prefix=PREFIX)
    standing = [typed(form) for form in formset.forms]
    standing = [one for one in standing if not one.pop("DELETE", None)]
    standing.append(preset_of(preset, taken={one.get("key") for one in standing}))
    return MetricFormSet(initial=standing[:MOST], prefix=PREFIX)


def typed(form: forms.BaseForm) -> dict[str, Any]:
    return {
        name: field.widget.value_from_datadict(form.data, form.files, form.add_prefix(name))
        for name, field in form.fields.items()
    }


def preset_of(name: str, *, taken: set[Any]) -> dict[str, Any]:
    preset = dict(PRESETS[name][1]) if name in PRESETS else {}
    if preset.get("key") in taken:
        preset.pop("key")
    return initial_of({"role": "secondary", **preset})


def initial_of(metric: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: value for name, value in metric.items() if name not in ("denominator", "covariate")}
    for name in ("denominator", "covariate"):
        flat |= {f"{name}_{field}": value for field, value in (metric.get(name) or {}).items()}
    # What is so anyway is not shown, so that a person sees what was chosen.
    defaults = {"at_least": 1, "field": "count" if metric.get("kind") == "rate" else "value"}
    defaults |= {"covariate_field": "value", "denominator_field": "value"}
    return {name: value for name, value in flat.items() if value != defaults.get(name, ...)}


def tell(formset: Any, problem: Problem) -> bool:
    """Put what is wrong with a metric beside its field; False where the problem is of no metric."""
    parts = problem.field.split(".", 2)
    if parts[0] != PREFIX or len(parts) < 3 or not parts[1].isdecimal():
        return False
    form = kept(formset)[int(parts[1])]
    name = NAMES.get(parts[2], parts[2])
    form.add_error(name if name in form.fields else None, problem.reason.capitalize() + ".")
    return True
