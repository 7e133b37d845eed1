"""What a person says about a file: which column is what, which models these are, what to make of it."""

from typing import Any
from uuid import uuid4

from django import forms

from experiments.importers.mapping import SECOND
from experiments.models import PairImport, SuiteRole
from experiments.services.imports import Options, mapping_of

NO_COLUMN = ("", "no column")
COLUMNS = {
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
}
NEEDED = {"prompt", "baseline", "candidate"}


class NewImportForm(forms.Form):
    token = forms.UUIDField(widget=forms.HiddenInput)
    file = forms.FileField(
        label="File with the pairs",
        help_text="CSV, TSV, JSON lines, a JSON array or Parquet. You may drop it here.",
        allow_empty_file=True,
    )
    second_file = forms.FileField(
        label="Second file",
        required=False,
        help_text="Only if each model has a file of its own: then the first holds the baseline’s outputs, this one "
        "the candidate’s. They are joined on id.",
        allow_empty_file=True,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["token"].initial = uuid4


class ImportOptionsForm(forms.Form):
    """The columns found by the dry run, and the names of what will be made."""

    baseline_name = forms.CharField(label="Name of the baseline", max_length=200)
    candidate_name = forms.CharField(label="Name of the candidate", max_length=200)
    experiment = forms.CharField(label="Name of the experiment", max_length=200)
    role = forms.ChoiceField(label="What this set is for", choices=SuiteRole.choices)
    add_to_existing = forms.BooleanField(label="Add the set to an experiment of this name", required=False)

    def __init__(
        self, *args: Any, pair_import: PairImport, options: Options, names_needed: bool = True, **rest: Any
    ) -> None:
        initial = {name: value for name, value in vars(options).items() if name != "mapping"}
        initial["experiment"] = options.experiment or pair_import.upload.filename.rsplit(".", 1)[0]
        super().__init__(*args, **{"initial": initial, **rest})
        for name in ("baseline_name", "candidate_name", "experiment"):
            self.fields[name].required = names_needed
        findings = pair_import.findings or {}
        columns = findings.get("columns", [])
        mapping = mapping_of(pair_import)
        choices = [NO_COLUMN, *((name, words_for(name)) for name in columns)]
        for name, (label, help_text) in COLUMNS.items():
            if columns and (name != "second_id" or pair_import.second_upload):
                self.fields[name] = forms.ChoiceField(
                    label=label, help_text=help_text, choices=choices, required=False, initial=getattr(mapping, name)
                )

    def columns(self) -> list[forms.BoundField]:
        return [self[name] for name in COLUMNS if name in self.fields]

    def names(self) -> list[forms.BoundField]:
        return [self[name] for name in ("baseline_name", "candidate_name", "experiment", "role", "add_to_existing")]

    def options(self) -> Options:
        """What was chosen. Raises KeyError for a form that is not valid."""
        chosen = self.cleaned_data
        return Options(
            mapping={name: chosen[name] for name in COLUMNS if name in self.fields},
            baseline_name=chosen["baseline_name"],
            candidate_name=chosen["candidate_name"],
            experiment=chosen["experiment"],
            role=chosen["role"],
            add_to_existing=chosen["add_to_existing"],
        )


def words_for(column: str) -> str:
    if column.startswith(SECOND):
        return f"second file: {column.removeprefix(SECOND)}"
    return column
