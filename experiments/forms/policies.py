"""A policy as a form: its head, and a row for each criterion."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.text import slugify

from experiments.deciding.presets import OPTIONAL, PRESETS, USUAL
from experiments.forms.criteria import CriterionForm, SpokenNumber, row_of, spoken
from experiments.models import Experiment
from experiments.policy import HEALTH_CHECKS, Policy, Problem
from experiments.reports.policies.fitting import Place

MOST_ROWS = 60
READY = {one.key: one for one in (*USUAL, *OPTIONAL)}


class PolicyForm(forms.Form):
    """The head of a policy and its rows. `rows` are forms of their own, by number in the address of each field."""

    use_required_attribute = False

    title = forms.CharField(max_length=100, help_text="As your team calls the rule.")
    improvement = SpokenNumber(
        label="Improvement that the point rule asks for, points",
        initial=5,
        help_text="It stands beside the verdict: SHIP or ITERATE by the gain on target suites alone.",
    )
    max_errors = SpokenNumber(
        label="Errors allowed, % of a suite’s cases", initial=1, help_text="Above it, the verdict is INVALID."
    )
    health = forms.MultipleChoiceField(
        required=False,
        label="What makes the verdict INVALID",
        choices=list(HEALTH_CHECKS.items()),
        initial=list(HEALTH_CHECKS),
        widget=forms.CheckboxSelectMultiple,
    )
    add = forms.ChoiceField(
        required=False,
        label="Which",
        choices=[("blank", "an empty one"), *((one.key, one.title) for one in READY.values())],
    )

    def __init__(self, *args: Any, place: Place, rows: Sequence[Mapping[str, Any]], **options: Any) -> None:
        super().__init__(*args, **options)
        data = self.data if self.is_bound else None
        self.rows = [
            CriterionForm(data, prefix=f"row-{number}", initial=dict(row), place=place)
            for number, row in enumerate(rows)
        ]

    @classmethod
    def of_policy(cls, policy: Policy, *, place: Place) -> "PolicyForm":
        return cls(initial=head_of(policy), place=place, rows=[row_of(one) for one in policy.criteria])

    @classmethod
    def sent(cls, data: Mapping[str, Any], *, place: Place) -> "PolicyForm":
        return cls(data, place=place, rows=[{}] * count_of(data))

    @classmethod
    def with_row(cls, data: Mapping[str, Any], chosen: str, *, place: Place) -> "PolicyForm":
        """As it was sent, unchecked, and one row more; a criterion that is there already gets a key of its own."""
        rows = sent_rows(data)
        if len(rows) < MOST_ROWS:
            ready = READY.get(chosen)
            added = row_of(ready) if ready else {"level": "95", "required": True, "rule": "shown"}
            taken = {row.get("key") for row in rows}
            rows.append({**added, "key": "" if added.get("key") in taken else added.get("key", "")})
        head = {name: data.get(name, "") for name in ("title", "improvement", "max_errors")}
        return cls(initial={**head, "health": listed(data, "health")}, place=place, rows=rows)

    def is_valid(self) -> bool:
        # A row that goes needs no repair first.
        rows = [one.is_valid() or one.is_removed for one in self.rows]
        return super().is_valid() and all(rows)

    @property
    def kept(self) -> list[CriterionForm]:
        return [one for one in self.rows if not one.is_removed]

    def raw(self) -> dict[str, Any]:
        """As a policy file has it."""
        said = self.cleaned_data
        return {
            "title": said["title"],
            "criteria": with_keys([one.raw() for one in self.kept]),
            "improvement_threshold": float(said["improvement"] / 100),
            "max_error_share": float(said["max_errors"] / 100),
            "ignored_health": sorted(set(HEALTH_CHECKS) - set(said["health"])),
        }

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Each problem at its row and field."""
        own = {"improvement_threshold": "improvement", "max_error_share": "max_errors", "title": "title"}
        for problem in problems:
            place = re.match(r"criteria\[(\d+)\]\.?(.*)", problem.field)
            if place and int(place[1]) < len(self.kept):
                self.kept[int(place[1])].refuse(place[2], problem.reason)
            else:
                self.add_error(own.get(problem.field), problem.reason)

    @property
    def has_errors(self) -> bool:
        return bool(self.errors) or any(one.errors for one in self.rows)


def head_of(policy: Policy) -> dict[str, Any]:
    return {
        "title": policy.title,
        "improvement": spoken(policy.improvement_threshold, "points", "share"),
        "max_errors": spoken(policy.max_error_share, "absolute", "share"),
        "health": [key for key in HEALTH_CHECKS if key not in policy.ignored_health],
    }


def count_of(data: Mapping[str, Any]) -> int:
    said = str(data.get("rows", ""))
    return min(int(said), MOST_ROWS) if said.isascii() and said.isdigit() and len(said) < 4 else 0


def sent_rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = CriterionForm.base_fields
    flags = ("required", "remove")
    return [
        {
            name: (f"row-{number}-{name}" in data) if name in flags else data.get(f"row-{number}-{name}", "")
            for name in names
        }
        for number in range(count_of(data))
    ]


def listed(data: Mapping[str, Any], name: str) -> list[str]:
    read = getattr(data, "getlist", None)
    return list(read(name)) if read else list(data.get(name, []))


def with_keys(criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A criterion keeps its key for life, so that an amendment shows what changed; a new one is named by its title."""
    taken = {one["key"] for one in criteria if one["key"]}
    for one in criteria:
        if not one["key"]:
            one["key"] = next(key for key in keys_for(one["title"]) if key not in taken)
            taken.add(one["key"])
    return criteria


def keys_for(title: str) -> Iterator[str]:
    base = re.sub(r"[^a-z0-9_]", "", slugify(title).replace("-", "_"))[:50].strip("_")
    base = base if base[:1].isalpha() else f"c_{base}".rstrip("_")
    yield base if base != "improvement" else "improvement_criterion"
    number = 1
    while True:
        number += 1
        yield f"{base}_{number}"


class StartForm(forms.Form):
    """How a draft begins: exactly one of the three."""

    preset = forms.ChoiceField(required=False, choices=[(key, one.title) for key, one in PRESETS.items()])
    source = forms.ModelChoiceField(
        Experiment.objects.none(), required=False, label="Experiment", empty_label="choose an experiment"
    )
    text = forms.CharField(
        required=False,
        max_length=200_000,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    file = forms.FileField(required=False, label="A policy file", help_text="JSON, as an export or the schema has it.")

    def __init__(self, *args: Any, sources: Sequence[Experiment], **options: Any) -> None:
        super().__init__(*args, **options)
        source = self.fields["source"]
        assert isinstance(source, forms.ModelChoiceField)  # noqa: S101 - declared above
        source.queryset = Experiment.objects.filter(pk__in=[one.pk for one in sources]).order_by("-created_at")


class RegisterForm(forms.Form):
    token = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    reason = forms.CharField(
        required=False,
        max_length=2000,
        label="Why it is amended",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown with every decision from now on.",
    )
