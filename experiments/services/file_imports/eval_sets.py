"""Eval sets: prompts with what is expected. A file becomes an immutable version of a set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db.models import Model

from experiments.importers.eval_sets import check
from experiments.importers.eval_sets.mapping import CaseMapping, suggest
from experiments.models import FileImport
from experiments.services.file_imports import case_writing, set_scorers
from experiments.services.file_imports.shapes import Columns, Found, ImportRefused, Reading, Shape, Writing

LONGEST_NAME = 200


@dataclass(frozen=True)
class EvalSetOptions:
    """`scorers` None stands for those that suit what the cases hold."""

    mapping: dict[str, str] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    scorers: list[dict[str, Any]] | None = None


def columns(names: Sequence[str], options: EvalSetOptions) -> Columns:
    found = suggest(names, options.mapping)
    return Columns(asdict(found), found.missing(names))


def typed(stored: dict[str, Any]) -> CaseMapping:
    return CaseMapping(**{**stored, "metadata": tuple(stored.get("metadata", ()))})


def dry_run(reading: Reading[EvalSetOptions]) -> Found:
    found = check.check(
        reading.sources,
        columns=reading.columns,
        mapping=typed(reading.mapping),
        report=reading.report,
        tell=reading.tell,
    )
    return Found(found.n_cases, asdict(found))


def prefill(file_import: FileImport, options: EvalSetOptions) -> EvalSetOptions:
    """Named like the file, scored by what suits the cases."""
    checked = (file_import.findings or {}).get("checked", {})
    name = options.name or file_import.upload.filename.rsplit(".", 1)[0][:LONGEST_NAME]
    if options.scorers is not None:
        return replace(options, name=name)
    return replace(options, name=name, scorers=set_scorers.suggested(checked))


def refuse(file_import: FileImport, options: EvalSetOptions) -> None:
    if not options.name.strip():
        raise ImportRefused("Name the set: other versions of it are told by the same name.")
    set_scorers.settled(options.scorers or [])


def identity(file_import: FileImport, options: EvalSetOptions) -> object:
    return ["eval_set", options.name, options.description, options.scorers]


def commit(writing: Writing[EvalSetOptions]) -> dict[str, Model]:
    options, findings = writing.options, writing.file_import.findings or {}
    made = case_writing.write(
        writing,
        typed(findings["mapping"]),
        name=options.name.strip(),
        description=options.description,
        scorers=set_scorers.settled(options.scorers or []),
    )
    return {"eval_set": made}


SHAPE = Shape(
    kind=FileImport.Kind.EVAL_SET,
    noun="case",
    options=EvalSetOptions,
    suggest=columns,
    check=dry_run,
    refuse=refuse,
    identity=identity,
    commit=commit,
    prefill=prefill,
)
