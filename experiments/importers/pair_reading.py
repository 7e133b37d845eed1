"""The pairs of one file, or of two joined ones. A process that shall start quickly needs this, so it imports little."""

from collections.abc import Collection, Iterator, Sequence

from experiments.importers import pairs
from experiments.importers.mapping import Mapping, is_alias
from experiments.importers.pairs import Pair
from experiments.importers.problems import Kind, Problem, Report, Severity
from experiments.importers.source import ROWS_SAMPLED, Record, Source, Tell


def read_pairs(
    sources: Sequence[Source],
    *,
    mapping: Mapping,
    report: Report,
    tell: Tell | None = None,
    expected: Collection[str] | None = None,
) -> Iterator[Pair]:
    """The pairs of one file, or of two joined ones; each problem is reported. Raises Unreadable.

    Where the `expected` columns are given, one that first shows up far down the file is reported as not read.
    """
    if len(sources) > 1:
        from experiments.importers import joined  # brings numpy along, which one file does not need

        records = joined.records(sources[0], sources[1], mapping=mapping, report=report, tell=tell)
    else:
        records = sources[0].records(report, tell)
        if expected is not None:
            records = watched(records, set(expected), report)
    return pairs.read(records, mapping=mapping, limits=sources[0].limits, report=report)


def watched(records: Iterator[Record], known: set[str], report: Report) -> Iterator[Record]:
    for row, record in records:
        if not known.issuperset(record):
            for name in record.keys() - known:
                known.add(name)
                if is_alias(name):
                    reason = f"not read: it first appears in this row, after the first {ROWS_SAMPLED:,}"
                    report(Problem(row, name, Kind.UNUSED_COLUMN, reason, 1, Severity.WARNING))
        yield row, record
