"""What a person says about a file with an eval set."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms

from experiments.forms.imports import ImportOptionsForm, NewImportForm
from experiments.forms.scorer_choice import Offer, add_scorers, check_scorers, chosen_scorers, offers
from experiments.models import FileImport
from experiments.services.file_imports.eval_sets import EvalSetOptions, prefill


class NewEvalSetForm(NewImportForm):
    second_file = forms.FileField(
        label="What a model was trained on",
        required=False,
        help_text="Then you are told which cases stand in that file too. Nothing else of it is kept.",
        allow_empty_file=True,
    )
    name = forms.CharField(widget=forms.HiddenInput, required=False)

    def options(self) -> EvalSetOptions:
        return EvalSetOptions(name=self.cleaned_data["name"])


class EvalSetOptionsForm(ImportOptionsForm):
    COLUMNS: ClassVar = {
        "id": ("Id", "tells cases apart; without one they are numbered"),
        "prompt": ("Prompt", "text, or a list of chat messages; if those end with an answer, that is what is expected"),
        "expected": ("Expected answer", ""),
        "category": ("Category", "results are told per category"),
        "tags": ("Tags", ""),
        "cluster": ("Cluster", "cases that belong together, such as one document’s"),
        "system": ("System prompt", ""),
        "accepted": ("Further accepted answers", "a list"),
        "schema": ("JSON Schema", "that the answer must fit"),
        "tools": ("Tools", "a list as OpenAI’s API takes it"),
        "expected_tool_calls": ("Expected tool calls", "names with accepted arguments; an empty list for none"),
        "must_not_match": ("Must not match", "patterns (RE2) that the answer must not hold"),
        "must_not_call": ("Must not call", "names of tools; * for any"),
        "response_format": ("Response format", "an object, sent along with the prompt"),
        "training": ("Prompt in the training file", "text or chat messages"),
    }
    SECOND_ONLY = ("training",)
    NEEDED = ("name",)
    NAMES = ("name", "description")

    name = forms.CharField(
        label="Name of the set", max_length=200, help_text="Under a name that is taken this becomes its next version."
    )
    description = forms.CharField(
        label="Description", widget=forms.Textarea(attrs={"rows": 3}), required=False, max_length=4000
    )

    def __init__(self, *args: Any, file_import: FileImport, options: EvalSetOptions, **rest: Any) -> None:
        options = prefill(file_import, options)
        super().__init__(*args, file_import=file_import, options=options, **rest)
        add_scorers(self, options.scorers or [])

    def clean(self) -> None:
        if not self.errors:
            check_scorers(self)

    def offers(self) -> Iterator[Offer]:
        return offers(self)

    def options(self) -> EvalSetOptions:
        return EvalSetOptions(
            mapping=self.mapping(),
            name=self.cleaned_data["name"],
            description=self.cleaned_data["description"],
            scorers=chosen_scorers(self),
        )
