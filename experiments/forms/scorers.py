"""Which scorers a run is scored by, as a person chooses them: one line each, and further ones as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from experiments.models import EvalSet, RunScorer
from experiments.scorers.base import Scorer
from experiments.scorers.registry import SCORERS
from experiments.services.scoring import choosing


@dataclass(frozen=True)
class ScorerLine:
    scorer: Scorer
    use: BoundField
    params: BoundField
    primary: BoundField


class ScorersForm(forms.Form):
    """`cleaned_data["scorers"]` is a config for `choosing.chosen`, which has been asked already."""

    further = forms.CharField(
        label="Further ones, as a JSON list",
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "input"}),
        help_text='For the same scorer twice: [{"scorer": "contains", "key": "greets", "params": {…}}]',
    )

    def __init__(
        self, *args: Any, current: Sequence[RunScorer] = (), eval_set: EvalSet | None = None, **rest: Any
    ) -> None:
        super().__init__(*args, **rest)
        config = [as_config(one) for one in current] or (suggested(eval_set) if eval_set else [])
        first: dict[str, Mapping[str, Any]] = {}
        for entry in config:
            if entry.get("key", entry["scorer"]) == entry["scorer"]:
                first.setdefault(entry["scorer"], entry)
        others = [entry for entry in config if entry not in first.values()]
        self.fields["further"].initial = orjson.dumps(others, option=orjson.OPT_INDENT_2).decode() if others else ""
        for name, scorer in SCORERS.items():
            given = first.get(name, {}).get("params", {})
            self.fields[f"use_{name}"] = forms.BooleanField(label=scorer.title, required=False, initial=name in first)
            self.fields[f"params_{name}"] = forms.CharField(
                label=f"Parameters of {scorer.title}",
                required=False,
                max_length=100_000,
                initial=orjson.dumps(told(scorer, given)).decode() if told(scorer, given) else "",
                widget=forms.TextInput(attrs={"spellcheck": "false", "placeholder": "{}", "class": "input"}),
            )
            self.fields[f"primary_{name}"] = forms.BooleanField(
                label=f"{scorer.title} is primary",
                required=False,
                initial=bool(first.get(name, {}).get("primary")),
            )

    def lines(self) -> list[ScorerLine]:
        return [
            ScorerLine(one, self[f"use_{name}"], self[f"params_{name}"], self[f"primary_{name}"])
            for name, one in SCORERS.items()
        ]

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        config = [self.config_of(name) for name in SCORERS if data.get(f"use_{name}")]
        config += self.parsed("further", data.get("further", ""), list)
        if self.errors:
            return data
        try:
            choosing.chosen(config)
        except choosing.ScorersRefused as refusal:
            raise ValidationError(str(refusal)) from None
        return {**data, "scorers": config}

    def config_of(self, name: str) -> dict[str, Any]:
        params = self.parsed(f"params_{name}", self.cleaned_data.get(f"params_{name}", ""), dict)
        return {"scorer": name, "params": params, "primary": bool(self.cleaned_data.get(f"primary_{name}"))}

    def parsed(self, field: str, text: str, kind: type) -> Any:
        if not text.strip():
            return kind()
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            self.add_error(field, f"This is no JSON: {error}.")
            return kind()
        if not isinstance(value, kind):
            self.add_error(field, "A JSON list stands here." if kind is list else "A JSON object stands here.")
            return kind()
        return value


def as_config(one: RunScorer) -> dict[str, Any]:
    return {"scorer": one.scorer, "params": one.params, "key": one.key, "primary": one.is_primary}


def suggested(eval_set: EvalSet) -> list[dict[str, Any]]:
    try:
        found = choosing.of_set(eval_set)
    except choosing.ScorersRefused:
        return []
    return [
        {"scorer": one.scorer.name, "params": one.params, "key": one.key, "primary": one.is_primary} for one in found
    ]


def told(scorer: Scorer, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that differ from their defaults."""
    defaults = {param.name: param.default for param in scorer.params}
    return {name: value for name, value in params.items() if value != defaults.get(name)}
