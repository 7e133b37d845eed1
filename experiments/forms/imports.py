"""What every kind of import asks: the file first, then which column is what and the names of what will be made."""

from typing import Any, ClassVar
from uuid import uuid4

from django import forms

from experiments.importers.mapping import SECOND
from experiments.models import FileImport
from experiments.services.file_imports.shapes import Options

NO_COLUMN = ("", "no column")


class NewImportForm(forms.Form):
    """A kind with a second file says in `second_file` what that is; the others leave it out."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    kind = forms.CharField(widget=forms.HiddenInput, required=False)
    file = forms.FileField(
        label="File",
        help_text="CSV, TSV, JSON lines, a JSON array or Parquet. You may drop it here.",
        allow_empty_file=True,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["token"].initial = uuid4

    def options(self) -> Options:
        """What the dry run needs to know beforehand."""
        raise LookupError("each kind says this")

    def given_files(self) -> list[Any]:
        chosen = self.cleaned_data
        return [file for file in (chosen["file"], chosen.get("second_file")) if file]

    def shown(self) -> list[forms.BoundField]:
        return [bound for bound in self if not bound.is_hidden]


class ImportOptionsForm(forms.Form):
    """The columns found by the dry run, and the names of what will be made.

    COLUMNS: field of the mapping -> (label, help), of which SECOND_ONLY need a second file.
    NAMES: the other fields; a commit needs the NEEDED ones.
    """

    COLUMNS: ClassVar[dict[str, tuple[str, str]]] = {}
    NAMES: ClassVar[tuple[str, ...]] = ()
    NEEDED: ClassVar[tuple[str, ...]] = ()
    SECOND_ONLY: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, *args: Any, file_import: FileImport, options: Options, names_needed: bool = True, **rest: Any
    ) -> None:
        initial = {name: value for name, value in vars(options).items() if name != "mapping"}
        super().__init__(*args, **{"initial": {**initial, **rest.pop("initial", {})}, **rest})
        for name in self.NEEDED:
            self.fields[name].required = names_needed
        findings = file_import.findings or {}
        columns = findings.get("columns", [])
        mapping = findings.get("mapping", {})
        choices = [NO_COLUMN, *((name, words_for(name)) for name in columns)]
        for name, (label, help_text) in self.COLUMNS.items():
            if columns and (name not in self.SECOND_ONLY or file_import.second_upload):
                self.fields[name] = forms.ChoiceField(
                    label=label,
                    help_text=help_text,
                    choices=choices,
                    required=False,
                    initial=mapping.get(name, ""),
                )

    def columns(self) -> list[forms.BoundField]:
        return [self[name] for name in self.COLUMNS if name in self.fields]

    def names(self) -> list[forms.BoundField]:
        return [self[name] for name in self.NAMES]

    def mapping(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self.COLUMNS if name in self.fields}

    def options(self) -> Options:
        """What was chosen. Raises KeyError for a form that is not valid."""
        raise LookupError("each kind says this")

    def label_of(self, name: str) -> str:
        if name in self.COLUMNS:
            return self.COLUMNS[name][0].lower()
        return str(self.fields[name].label).lower()


def words_for(column: str) -> str:
    if column.startswith(SECOND):
        return f"second file: {column.removeprefix(SECOND)}"
    return column
