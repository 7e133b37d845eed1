"""Columns that first show up far down a file, after those rows that the names were taken from."""

from collections.abc import Callable, Iterator

from experiments.importers.problems import Kind, Problem, Report, Severity
from experiments.importers.source import ROWS_SAMPLED, Record


def watched(
    records: Iterator[Record], known: set[str], *, is_alias: Callable[[str], bool], report: Report
) -> Iterator[Record]:
    """The records as they are; a column with a name that would have been read is reported as not read."""
    for row, record in records:
        if not known.issuperset(record):
            for name in record.keys() - known:
                known.add(name)
                if is_alias(name):
                    reason = f"not read: it first appears in this row, after the first {ROWS_SAMPLED:,}"
                    report(Problem(row, name, Kind.UNUSED_COLUMN, reason, 1, Severity.WARNING))
        yield row, record
