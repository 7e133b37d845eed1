"""Repeated ids among millions, in eight bytes each."""

from array import array
from collections.abc import Iterable

import numpy as np

from experiments.importers.pairs import Pair
from experiments.importers.problems import Kind, Problem, Report


class Duplicates:
    """Hashes are kept while reading; only ids whose hash came twice are compared, in a second reading."""

    def __init__(self) -> None:
        self.hashes = array("q")

    def add(self, key: str) -> None:
        self.hashes.append(hash(key))

    def suspects(self) -> frozenset[int]:
        ordered = np.sort(np.frombuffer(self.hashes, dtype=np.int64))
        return frozenset(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]).tolist())


def report_repeats(pairs: Iterable[Pair], suspects: frozenset[int], *, column: str, report: Report) -> None:
    """Report each row whose id stands in an earlier row. `suspects` are hashes that came more than once."""
    first_row: dict[str, int] = {}
    for pair in pairs:
        if hash(pair.id) not in suspects:
            continue
        row = first_row.setdefault(pair.id, pair.row)
        if row != pair.row:
            report(Problem(pair.row, column, Kind.DUPLICATE_ID, f"the id {pair.id!r} stands in row {row} already"))
