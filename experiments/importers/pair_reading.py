"""The pairs of one file, or of two joined ones. A process that shall start quickly needs this, so it imports little."""

from collections.abc import Collection, Iterator, Sequence

from experiments.importers import pairs
from experiments.importers.late_columns import watched
from experiments.importers.mapping import Mapping, is_alias
from experiments.importers.pairs import Pair
from experiments.importers.problems import Report
from experiments.importers.source import Source, Tell


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
            records = watched(records, set(expected), is_alias=is_alias, report=report)
    return pairs.read(records, mapping=mapping, limits=sources[0].limits, report=report)
