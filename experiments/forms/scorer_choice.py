"""Which scorers, with which parameters: a checkbox for each scorer there is, and its parameters beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from experiments.scorers.base import Param, Scorer
from experiments.scorers.registry import SCORERS
from experiments.services.file_imports import set_scorers
from experiments.services.file_imports.shapes import ImportRefused

SHOWN = "scorers_shown"
PRIMARY = "its result is tested, the others are told beside it"


@dataclass(frozen=True)
class Offer:
    """One scorer as the page shows it."""

    scorer: Scorer
    chosen: bool
    use: forms.BoundField
    primary: forms.BoundField
    params: list[forms.BoundField]


class OptionalJson(forms.JSONField):
    """Nothing is an empty field, not the word null."""

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


def field_of(param: Param) -> forms.Field:
    """Lists and objects are JSON; an empty field stands for the default."""
    told: dict[str, Any] = {"label": param.name.replace("_", " "), "help_text": param.help, "required": False}
    if param.kind == "flag":
        return forms.BooleanField(**told)
    if param.kind == "choice":
        return forms.ChoiceField(choices=[(each, each) for each in param.choices], **told)
    if param.kind == "count":
        return forms.IntegerField(min_value=0, **told)
    if param.kind == "number":
        return forms.FloatField(**told)
    if param.kind == "text":
        return forms.CharField(strip=False, **told)
    return OptionalJson(widget=forms.Textarea(attrs={"rows": 2}), **told)


def add_scorers(form: forms.Form, chosen: Sequence[Mapping[str, Any]]) -> None:
    """Fields for each scorer; `chosen` as a set keeps it. A form that was sent without them has chosen nothing yet."""
    form.fields[SHOWN] = forms.BooleanField(widget=forms.HiddenInput, required=False, initial=True)
    by_name = {each["scorer"]: each for each in chosen}
    for name, scorer in SCORERS.items():
        told = by_name.get(name, {})
        form.fields[f"use:{name}"] = forms.BooleanField(label=scorer.title, required=False, initial=name in by_name)
        form.fields[f"primary:{name}"] = forms.BooleanField(
            label="primary", required=False, initial=bool(told.get("primary")), help_text=PRIMARY
        )
        for param in scorer.params:
            field = field_of(param)
            field.initial = told.get("params", {}).get(param.name, param.default)
            form.fields[f"param:{name}:{param.name}"] = field


def offers(form: forms.Form) -> Iterator[Offer]:
    """Those chosen first."""
    found = []
    for name, scorer in SCORERS.items():
        use = form[f"use:{name}"]
        params = [form[f"param:{name}:{param.name}"] for param in scorer.params]
        found.append(Offer(scorer, bool(use.value()), use, form[f"primary:{name}"], params))
    yield from sorted(found, key=lambda offer: not offer.chosen)


def chosen_scorers(form: forms.Form) -> list[dict[str, Any]] | None:
    """In the one form in which a set keeps them; None where they were not asked yet. Raises ImportRefused."""
    data = form.cleaned_data
    if not data.get(SHOWN):
        return None
    return set_scorers.settled(
        [
            {
                "scorer": name,
                "primary": data.get(f"primary:{name}", False),
                "params": {param.name: given(data, name, param) for param in scorer.params},
            }
            for name, scorer in SCORERS.items()
            if data.get(f"use:{name}")
        ]
    )


def given(data: Mapping[str, Any], name: str, param: Param) -> object:
    value = data.get(f"param:{name}:{param.name}")
    is_left_out = value is None or (value == "" and (param.kind != "text" or param.default is None))
    return param.default if is_left_out else value


def check_scorers(form: forms.Form) -> None:
    """Reports what is wrong beside the form as a whole."""
    try:
        chosen_scorers(form)
    except ImportRefused as refusal:
        form.add_error(None, str(refusal))
