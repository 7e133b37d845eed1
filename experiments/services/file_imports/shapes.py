"""What differs between the kinds of files that are imported: one Shape each.

How to add a kind (pairs.py and eval_sets.py are the examples):

1. A frozen dataclass of options that has `mapping: dict[str, str]`; all of it must be plain JSON.
2. A module here with a SHAPE: `suggest` says which column is what and what must still be chosen (a column or an
   option such as the eval set), `check` reads everything in the dry run, reports problems and counts rows, `refuse`
   says why it cannot be committed, `commit` writes inside the transaction of the import and returns what it made.
3. Its line in registry.py. Dry run, progress, problems, "same bytes", retry and discard then work.
4. A form with the columns and names in forms/, and its line in forms/import_kinds.py: that puts the kind on the page.
   A `start_form` there may ask more before the dry run, such as which eval set the outputs answer.
5. Templates in experiments/imports/KIND/: needs.html (what the file needs), facts.html (counts of the dry run),
   preview.html (its first rows), made.html (what came of it and where to go).
6. Tests beside tests/eval_sets/; a command on experiments/management/import_steps.py, as import_eval_set is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from django.db.models import Model

from evalsite.platform.jobs import JobFailed, JobRun
from experiments.importers.packing import Packer
from experiments.importers.problems import Problem, Report, Severity
from experiments.importers.source import Source, Tell
from experiments.models import FileImport


class ImportRefused(Exception):
    """This step cannot be taken now, for a reason a user can read."""


class Options(Protocol):
    """What the user chose. `mapping` holds only the columns chosen by hand; the rest is suggested by their names."""

    @property
    def mapping(self) -> Mapping[str, str]: ...


O = TypeVar("O", bound=Options)  # noqa: E741


@dataclass(frozen=True)
class Columns:
    """`mapping` is JSON, columns by field; `missing` are fields or options without which nothing can be read."""

    mapping: dict[str, Any]
    missing: list[str]
    asks: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading(Generic[O]):
    """A dry run: `columns` are those the files have, the second file's with "2:" before them."""

    file_import: FileImport
    sources: Sequence[Source]
    columns: list[str]
    mapping: dict[str, Any]
    options: O
    report: Report
    tell: Tell


@dataclass(frozen=True)
class Found:
    """`checked` is kept as findings["checked"]: JSON with the first rows under "preview" and whatever else is shown."""

    n_rows: int = 0
    checked: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Writing(Generic[O]):
    """A commit, inside its one transaction. `packer` is a process that has begun to load, where the shape wants one."""

    run: JobRun
    file_import: FileImport
    sources: Sequence[Source]
    options: O
    now: datetime
    packer: Packer | None = None


@dataclass(frozen=True)
class Shape(Generic[O]):
    """`identity`: what, beside bytes and columns, makes two imports the same. `commit` returns fields of the import.

    `prefill` completes the options with what the file tells. `again` are options that ask for a new dry run.
    `packs_from`: from so many rows on a second process packs them.
    """

    kind: FileImport.Kind
    noun: str
    options: type[O]
    suggest: Callable[[Sequence[str], O], Columns]
    check: Callable[[Reading[O]], Found]
    refuse: Callable[[FileImport, O], None]
    identity: Callable[[FileImport, O], object]
    commit: Callable[[Writing[O]], dict[str, Model]]
    prefill: Callable[[FileImport, O], O] = lambda _, options: options
    again: tuple[str, ...] = ()
    packs_from: int | None = None

    def options_of(self, file_import: FileImport) -> O:
        known = {each.name for each in fields(self.options)}  # type: ignore[arg-type]
        return self.options(**{name: value for name, value in file_import.options.items() if name in known})

    def prefilled(self, file_import: FileImport, options: O | None = None) -> O:
        return self.prefill(file_import, options or self.options_of(file_import))


def stored(options: Options) -> dict[str, Any]:
    return asdict(options)  # type: ignore[call-overload,no-any-return]


def refuse_problem(problem: Problem) -> None:
    """In a commit: the dry run found none."""
    if problem.severity == Severity.ERROR:
        raise JobFailed(f"Row {problem.row}: {problem.reason}. The dry run did not find this: check the file again.")
