"""Outputs against the cases of their set: which case each answers, which is answered twice, which not at all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from django.db import connection

from experiments.importers import lm_eval, outputs
from experiments.importers.outputs import Columns, OutputRow
from experiments.importers.problems import Kind, Problem, Report, Severity
from experiments.importers.source import Source, Tell
from experiments.models import ErrorClass, EvalCase, EvalSet

BATCH = 2000
MISSING_NAMED = 1000
FIND_CASES = """
SELECT external_id, id, position FROM experiments_evalcase WHERE eval_set_id = %s AND external_id = ANY(%s)
"""


class Matched(NamedTuple):
    row: OutputRow
    case_id: int
    position: int


@dataclass
class Matching:
    """Positions answered so far, by the row that answers them; memory grows by four bytes a case."""

    eval_set: EvalSet
    column: str
    report: Report
    answered_in: "np.ndarray[tuple[int], np.dtype[np.int32]]" = field(init=False)

    def __post_init__(self) -> None:
        self.answered_in = np.zeros(self.eval_set.n_cases, dtype=np.int32)

    def match(self, rows: Iterable[OutputRow]) -> Iterator[Matched]:
        """Each row with its case. Unknown ids and a second answer to a case are reported and left out."""
        rows = iter(rows)
        while batch := list(islice(rows, BATCH)):
            known = self.cases([row.id for row in batch])
            for row in batch:
                if row.id not in known:
                    reason = f"{self.eval_set} has no case with the id {row.id!r}"
                    self.report(Problem(row.row, self.column, Kind.UNKNOWN_ID, reason))
                    continue
                case_id, position = known[row.id]
                earlier = int(self.answered_in[position])
                if earlier:
                    reason = f"{row.id!r} is answered in row {earlier} already"
                    self.report(Problem(row.row, self.column, Kind.DUPLICATE_ID, reason))
                    continue
                self.answered_in[position] = row.row
                yield Matched(row, case_id, position)

    def cases(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        with connection.cursor() as cursor:
            cursor.execute(FIND_CASES, [self.eval_set.pk, list(ids)])
            return {external_id: (case_id, position) for external_id, case_id, position in cursor.fetchall()}

    def report_missing(self) -> int:
        """Cases nobody answered are allowed: a run counts them as errors of the class `missing`."""
        missing = np.flatnonzero(self.answered_in == 0)
        if not missing.size:
            return 0
        named = EvalCase.objects.filter(eval_set=self.eval_set, position__in=missing[:MISSING_NAMED].tolist())
        for external_id in named.order_by("position").values_list("external_id", flat=True):
            self.report(warning(f"no output for the case {external_id!r}: it counts as an error, never as wrong"))
        if missing.size > MISSING_NAMED:
            self.report(warning(f"and {missing.size - MISSING_NAMED:,} more cases without an output"))
        return int(missing.size)


def warning(reason: str) -> Problem:
    return Problem(0, "", Kind.MISSING, reason, 1, Severity.WARNING)


def read(source: Source, columns: Columns, report: Report, tell: Tell | None = None) -> Iterator[OutputRow]:
    """The rows of a file, those that ended in an error with its class. Raises Unreadable."""
    records = lm_eval.without_repeats(source.records(report, tell), column=columns.id)
    known = ErrorClass.values
    for row in outputs.read(records, columns=columns, errors_known=known, limits=source.limits, report=report):
        yield replace_error(row)


def replace_error(row: OutputRow) -> OutputRow:
    """As if it had been called here: cut off, filtered and empty answers are errors that keep their text."""
    if row.error:
        return row
    if row.finish_reason == "length":
        return row._replace(error=ErrorClass.TRUNCATED.value)
    if row.finish_reason == "content_filter":
        return row._replace(error=ErrorClass.FILTERED.value)
    if not row.text.strip() and row.tool_calls is None:
        return row._replace(error=ErrorClass.EMPTY.value)
    return row
