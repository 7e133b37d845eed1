"""A live test's draft: who runs against whom, how units are routed, how the result is read, how many it takes."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.text import slugify

from experiments.forms.numbers import ShareField
from experiments.live_plan import Problem
from experiments.models import Experiment, LiveTest, ModelVersion

METHODS = [
    ("confidence_sequence", "May be read at any time: confidence sequence"),
    ("group_sequential", "At planned looks: group-sequential, takes fewest units of the two that may be looked at"),
    ("fixed_horizon", "Once, at the planned size: hidden until then, takes fewest units of all"),
]
SPENDINGS = [("obrien_fleming", "O’Brien-Fleming: strict early"), ("pocock", "Pocock: nearly even")]
CORRECTIONS = [("holm", "Holm"), ("bh", "Benjamini-Hochberg"), ("none", "none")]
BUCKETS = [("10000", "10,000"), ("1000", "1,000, as some older routers")]
ROUTINGS = [("2", "2: salted, the default"), ("1", "1: md5(experiment:unit), as older clients compute")]
# Field of a plan -> field of the form, where their names differ.
NAMES = {
    "routing.split": "split",
    "routing.salt": "routing",
    "routing.buckets": "buckets",
    "routing.version": "routing",
    "control_id": "control",
    "treatment_id": "treatment",
    "control_name": "control",
    "treatment_name": "treatment",
}
PLAIN = ("unit", "alpha", "power", "mde", "baseline", "baseline_sd", "method", "looks", "spending", "correction",
         "small_reason", "late_hours", "early_minutes", "guardrail_stops", "bot_events_per_day")  # fmt: skip


class LiveTestForm(forms.Form):
    token = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)
    salt = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    name = forms.CharField(max_length=200, label="Name")
    key = forms.SlugField(
        max_length=100,
        required=False,
        label="Key",
        help_text="What applications call it; part of the rule that routes. Empty: made from the name.",
    )
    experiment = forms.ModelChoiceField(
        Experiment.objects.order_by("-created_at"),
        required=False,
        empty_label="none",
        label="Experiment",
        help_text="Then control is its baseline and treatment its candidate.",
    )
    control = forms.ModelChoiceField(
        ModelVersion.objects.order_by("name", "-created_at"), required=False, empty_label="choose", label="Control"
    )
    treatment = forms.ModelChoiceField(
        ModelVersion.objects.order_by("name", "-created_at"), required=False, empty_label="choose", label="Treatment"
    )
    unit = forms.CharField(
        max_length=40,
        initial="user",
        label="What is routed",
        help_text="user, account, conversation: the unit that stays in its arm, and the one that is counted.",
    )
    split = ShareField(
        initial="50 %",
        label="To treatment at first",
        help_text="It can be raised later, never lowered: units move from control to treatment only.",
    )
    buckets = forms.TypedChoiceField(choices=BUCKETS, initial="10000", coerce=int, label="Buckets")
    routing = forms.TypedChoiceField(choices=ROUTINGS, initial="2", coerce=int, label="Rule")
    baseline = ShareField(label="Expected in control", help_text="A rate as .713 or 71.3 %, else a mean.")
    baseline_sd = forms.FloatField(
        required=False,
        label="Spread of one unit",
        help_text="Standard deviation of the primary metric. A rate needs none.",
    )
    mde = ShareField(label="Smallest effect", help_text="Worth finding, in the metric’s unit: 5 % is five points.")
    alpha = ShareField(initial="5 %", label="α", help_text="Chance of a false alarm that is accepted.")
    power = ShareField(initial="80 %", label="Power", help_text="Chance to find that effect, if it is there.")
    n_per_arm = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000_000,
        label="Units per arm",
        help_text="Of the smaller arm. Empty: by the formula, and at least 1,000.",
    )
    small_reason = forms.CharField(required=False, max_length=500, label="Why fewer are enough")
    units_per_day = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000_000,
        label="New units a day",
        help_text="Tells how many days the test takes.",
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=730,
        label="Days",
        help_text="Empty: from the traffic. Whole weeks keep weekdays even.",
    )
    method = forms.ChoiceField(choices=METHODS, initial="confidence_sequence", widget=forms.RadioSelect, label="Read")
    looks = forms.IntegerField(min_value=2, max_value=50, initial=5, required=False, label="Planned looks")
    spending = forms.ChoiceField(choices=SPENDINGS, initial="obrien_fleming", required=False, label="Spending of α")
    correction = forms.ChoiceField(
        choices=CORRECTIONS,
        initial="holm",
        label="Correction",
        help_text="Over the secondary metrics. The primary one is read at α, as its size was computed.",
    )
    segments = forms.CharField(
        required=False,
        max_length=300,
        label="Attributes to explore",
        help_text="Up to five names that applications send, as plan, country. Shown as exploration only.",
    )
    late_hours = forms.IntegerField(
        min_value=1, max_value=2160, initial=168, required=False, label="Events are late after, hours"
    )
    early_minutes = forms.IntegerField(
        min_value=0, max_value=1440, initial=10, required=False, label="Clocks may be apart by, minutes"
    )
    bot_events_per_day = forms.IntegerField(
        min_value=1,
        initial=1000,
        max_value=1_000_000_000,
        required=False,
        label="A unit looks like a bot above, events a day",
    )
    guardrail_stops = forms.BooleanField(required=False, label="A guardrail that is shown to get worse stops the test")

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if experiment := said.get("experiment"):
            said["control"] = said.get("control") or experiment.baseline
            said["treatment"] = said.get("treatment") or experiment.candidate
        for arm in ("control", "treatment"):
            if said.get(arm) is None and arm not in self.errors:
                self.add_error(arm, "Choose a model version, or an experiment above.")
        said["key"] = said.get("key") or slugify(said.get("name", ""))[:100]
        if not said["key"] and "name" not in self.errors and "key" not in self.errors:
            self.add_error("key", "Choose a key: the name holds no letter or digit that one could be made of.")
        if not said.get("days") and not said.get("units_per_day") and "days" not in self.errors:
            self.add_error("days", "Say how many days, or how many new units a day to expect.")
        return said

    def raw(self) -> dict[str, Any]:
        """All of a plan but its key, arms and metrics. Without days it says 1, to be worked out by the traffic."""
        said = self.cleaned_data
        raw = {name: said[name] for name in PLAIN if said.get(name) not in (None, "")}
        raw["routing"] = {
            "version": said["routing"],
            "salt": said["salt"] if said["routing"] == 2 else "",
            "buckets": said["buckets"],
            "split": said["split"],
        }
        raw["segments"] = [one.strip() for one in said["segments"].split(",") if one.strip()]
        raw["days"] = said.get("days") or 1
        if said.get("n_per_arm"):
            raw["n_per_arm"] = said["n_per_arm"]
        return raw

    def tell(self, problem: Problem) -> None:
        name = NAMES.get(problem.field, problem.field)
        reason = problem.reason[:1].upper() + problem.reason[1:] + "."
        known = name in self.fields
        self.add_error(name if known else None, reason if known else f"{problem.field}: {problem.reason}.")


def initial_of(live_test: LiveTest, draft: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it was filled in for this plan."""
    routing = draft.get("routing") or {}
    return {
        **{name: draft[name] for name in PLAIN if name in draft},
        "name": live_test.name,
        "key": live_test.key,
        "experiment": live_test.experiment_id,
        "control": live_test.control_id,
        "treatment": live_test.treatment_id,
        "salt": routing.get("salt", ""),
        "split": routing.get("split"),
        "buckets": routing.get("buckets"),
        "routing": routing.get("version"),
        "segments": ", ".join(draft.get("segments", [])),
        "n_per_arm": draft.get("n_per_arm"),
        "days": draft.get("days"),
    }
