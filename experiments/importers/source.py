"""One file as a stream of records, whatever its format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from experiments.importers import delimited, json_array, json_rows, parquet
from experiments.importers.limits import DEFAULT, Limits
from experiments.importers.problems import Report, Unreadable
from experiments.importers.sniff import DELIMITERS, HEAD_BYTES, Format, file_format

Record = tuple[int, dict[str, Any]]
Tell = Callable[[int], None]
ROWS_SAMPLED = 2000
TELL_EVERY = 1000


@dataclass(frozen=True)
class Source:
    """`number` is 1, or 2 for the second of two joined files."""

    path: Path
    format: Format
    number: int = 1
    limits: Limits = DEFAULT

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def records(self, report: Report, tell: Tell | None = None) -> Iterator[Record]:
        """(row, fields). `tell` hears now and then how many bytes were read. Raises Unreadable."""
        try:
            if self.format == Format.PARQUET:
                yield from parquet.records(self.path, limits=self.limits, report=report, number=self.number, tell=tell)
            else:
                yield from self.text_records(report, tell)
        except Unreadable as problem:
            problem.file = self.number
            raise

    def text_records(self, report: Report, tell: Tell | None) -> Iterator[Record]:
        with self.path.open("rb", buffering=1 << 18) as file:
            options: dict[str, Any] = {"limits": self.limits, "report": report, "number": self.number}
            if self.format in DELIMITERS:
                rows: Iterator[Record] = delimited.records(file, delimiter=DELIMITERS[self.format], **options)
            elif self.format == Format.JSON_LINES:
                rows = json_rows.records(file, **options)
            else:
                rows = json_array.records(file, **options)
            if tell is None:
                yield from rows
                return
            while some := list(islice(rows, TELL_EVERY)):
                yield from some
                tell(file.tell())

    def columns(self) -> list[str]:
        """Names in order of first appearance in the first rows; what no database could hold is no name."""
        names: dict[str, None] = {}
        for _, record in islice(self.records(lambda _: None), ROWS_SAMPLED):
            names.update(dict.fromkeys(record))
        return [name for name in names if len(name) <= self.limits.label and "\0" not in name][: self.limits.columns]


def open_source(path: Path, *, filename: str, number: int = 1, limits: Limits = DEFAULT) -> Source:
    """Raises Unreadable for an empty file and for what is known not to be a table."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        return Source(path, file_format(filename, head), number, limits)
    except Unreadable as problem:
        problem.file = number
        raise
