"""Write a file of cases, run the dry run on it, and get what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from experiments.importers import check as pair_check
from experiments.importers.eval_sets import check
from experiments.importers.eval_sets.cases import Case
from experiments.importers.eval_sets.check import CheckedCases
from experiments.importers.eval_sets.mapping import CaseMapping, suggest
from experiments.importers.problems import Problem, Severity
from experiments.importers.source import open_source


@dataclass(frozen=True)
class Found:
    cases: list[Case]
    checked: CheckedCases
    problems: list[Problem]
    mapping: CaseMapping

    @property
    def errors(self) -> list[tuple[int, str, str]]:
        """(row, column, kind) of each."""
        return [(p.row, p.column, p.kind.value) for p in self.problems if p.severity == Severity.ERROR]

    def warnings(self, kind: str) -> list[tuple[int, str]]:
        """(row, reason) of each."""
        return [(p.row, p.reason) for p in self.problems if p.severity == Severity.WARNING and p.kind == kind]

    @property
    def case(self) -> Case:
        [only] = self.cases
        return only


def lines(*rows: dict[str, Any]) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


def dry_run(
    folder: Path,
    data: bytes,
    training: bytes | None = None,
    *,
    name: str = "cases.jsonl",
    training_name: str = "training.jsonl",
    chosen: dict[str, str] | None = None,
) -> Found:
    sources = []
    files = [(name, data), *([(training_name, training)] if training is not None else [])]
    for number, (filename, content) in enumerate(files, start=1):
        path = folder / f"{number}-{filename}"
        path.write_bytes(content)
        sources.append(open_source(path, filename=filename, number=number))
    problems: list[Problem] = []
    columns = pair_check.read_columns(sources, problems.append)
    mapping = suggest(columns, chosen or {})
    assert mapping.missing(columns) == []
    checked = check.check(sources, columns=columns, mapping=mapping, report=problems.append, tell=lambda done: None)
    cases = list(check.read_cases(sources[0], mapping=mapping, report=lambda _: None))
    return Found(cases, checked, problems, mapping)


def of_rows(folder: Path, rows: Sequence[dict[str, Any]], **options: Any) -> Found:
    return dry_run(folder, lines(*rows), **options)
