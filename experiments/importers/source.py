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
ROWS_SAMPLED = 200
TELL_EVERY = 1000


@dataclass(frozen=True)
class Source:
    """`number` is 1, or 2 for the second of two joined files."""

    path: Path
    format: Format
    number: int = 1
    limits: Limits = DEFAULT

    def records(self, report: Report, tell: Tell | None = None) -> Iterator[Record]:
        """(row, fields). `tell` hears now and then how many bytes were read. Raises Unreadable."""
        try:
            if self.format == Format.PARQUET:
                yield from parquet.records(self.path, limits=self.limits, report=report, number=self.number)
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

    def sample(self) -> list[dict[str, Any]]:
        """The first records that can be read at all."""
        return [record for _, record in islice(self.records(lambda _: None), ROWS_SAMPLED)]


def open_source(path: Path, *, filename: str, number: int = 1, limits: Limits = DEFAULT) -> Source:
    """Raises Unreadable for an empty file and for what is known not to be a table."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        return Source(path, file_format(filename, head), number, limits)
    except Unreadable as problem:
        problem.file = number
        raise


def columns_of(sample: list[dict[str, Any]], limits: Limits = DEFAULT) -> list[str]:
    """Names in order of first appearance; what cannot be a name in the database is no column."""
    names = dict.fromkeys(name for record in sample for name in record)
    return [name for name in names if len(name) <= limits.label and "\0" not in name][: limits.columns]
