"""What a person says about a file of pairs."""

from typing import Any, ClassVar

from django import forms

from experiments.forms.imports import ImportOptionsForm, NewImportForm
from experiments.models import FileImport, SuiteRole
from experiments.services.file_imports.pair_options import PairOptions


class NewPairsForm(NewImportForm):
    second_file = forms.FileField(
        label="Second file",
        required=False,
        help_text="Only if each model has a file of its own: then the first holds the baseline’s outputs, this one "
        "the candidate’s. They are joined on id.",
        allow_empty_file=True,
    )

    def options(self) -> PairOptions:
        return PairOptions()


class PairOptionsForm(ImportOptionsForm):
    COLUMNS: ClassVar = {
        "id": ("Id", "tells rows apart; without one they are numbered"),
        "second_id": ("Id in the second file", ""),
        "prompt": ("Prompt", "text, or a list of chat messages"),
        "baseline": ("Baseline’s response", "what is in use today"),
        "candidate": ("Candidate’s response", "what may replace it"),
        "expected": ("Expected answer", ""),
        "category": ("Category", "results are told per category"),
        "tags": ("Tags", ""),
        "cluster": ("Cluster", "rows that belong together, such as one conversation"),
        "system": ("System prompt", ""),
        "gold": ("Known answer", "candidate, baseline, tie or both_bad: such pairs can measure reviewers"),
    }
    SECOND_ONLY = ("second_id",)
    NEEDED = ("baseline_name", "candidate_name", "experiment")
    NAMES = (*NEEDED, "role", "add_to_existing")

    baseline_name = forms.CharField(label="Name of the baseline", max_length=200)
    candidate_name = forms.CharField(label="Name of the candidate", max_length=200)
    experiment = forms.CharField(label="Name of the experiment", max_length=200)
    role = forms.ChoiceField(label="What this set is for", choices=SuiteRole.choices)
    add_to_existing = forms.BooleanField(label="Add the set to an experiment of this name", required=False)

    def __init__(self, *args: Any, file_import: FileImport, options: PairOptions, **rest: Any) -> None:
        named = options.experiment or file_import.upload.filename.rsplit(".", 1)[0]
        super().__init__(*args, file_import=file_import, options=options, **{"initial": {"experiment": named}, **rest})

    def options(self) -> PairOptions:
        return PairOptions(mapping=self.mapping(), **{name: self.cleaned_data[name] for name in self.NAMES})
