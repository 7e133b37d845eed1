"""Write a file, run the dry run on it, and get what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.importers import check, mapping
from experiments.importers.check import Checked
from experiments.importers.limits import DEFAULT, Limits
from experiments.importers.pair_reading import read_pairs
from experiments.importers.pairs import Pair
from experiments.importers.problems import Problem, Severity, Unreadable
from experiments.importers.source import Source, open_source


@dataclass(frozen=True)
class Found:
    pairs: list[Pair]
    checked: Checked
    problems: list[Problem]
    mapping: mapping.Mapping

    @property
    def errors(self) -> list[tuple[int, str, str]]:
        """(row, column, kind) of each."""
        return [(p.row, p.column, p.kind.value) for p in self.problems if p.severity == Severity.ERROR]

    @property
    def warnings(self) -> list[tuple[int, str, str]]:
        return [(p.row, p.column, p.kind.value) for p in self.problems if p.severity == Severity.WARNING]


def dry_run(
    folder: Path,
    *files: tuple[str, bytes],
    chosen: dict[str, str] | None = None,
    names: tuple[str, ...] = (),
    limits: Limits = DEFAULT,
) -> Found:
    problems: list[Problem] = []
    try:
        sources = [opened(folder, number, file, limits) for number, file in enumerate(files, start=1)]
        columns = check.read_columns(sources, problems.append)
    except Unreadable as problem:
        return Found([], Checked(), [*problems, problem.problem()], mapping.Mapping())
    suggested = mapping.suggest(columns, chosen=chosen)
    assert suggested.missing() == []
    checked = check.check(sources, columns=columns, mapping=suggested, names=names, report=problems.append)
    pairs: list[Pair] = []
    try:
        pairs.extend(read_pairs(sources, mapping=suggested, report=lambda _: None))
    except Unreadable:
        pairs.clear()
    return Found(pairs, checked, problems, suggested)


def opened(folder: Path, number: int, file: tuple[str, bytes], limits: Limits) -> Source:
    name, data = file
    path = folder / f"{number}-{name}"
    path.write_bytes(data)
    return open_source(path, filename=name, number=number, limits=limits)


def parquet(columns: Mapping[str, object], **options: int) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink, **options)
    return bytes(sink.getvalue())
