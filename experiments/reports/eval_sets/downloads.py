"""A set as a file: JSON lines that, uploaded again, are the same set."""

import csv
from collections.abc import Iterator
from typing import Any

import orjson

from experiments.importers.eval_sets.mapping import CHECKS
from experiments.models import EvalCase, EvalSet
from experiments.reports.eval_sets.told import TRAINED_ON, told_of
from experiments.reports.exports.spreadsheets import neutralised

CHUNK = 2000
OVERLAP_COLUMNS = ("id", "row", "training_row", "how", "shared")


def json_lines(eval_set: EvalSet) -> Iterator[bytes]:
    """One case a line. Where any case has a system prompt or earlier turns, all are written as messages."""
    cases = EvalCase.objects.filter(eval_set=eval_set).order_by("position")
    as_messages = cases.exclude(system="", turns=[]).exists()
    # The first line names every field: a reader looks for columns in the first rows only.
    named = dict.fromkeys(("expected", "category", "tags", "cluster", *CHECKS, "metadata"))
    for case in cases.iterator(chunk_size=CHUNK):
        yield orjson.dumps({**named, **line(case, as_messages=as_messages)}) + b"\n"
        named = {}


def line(case: EvalCase, *, as_messages: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"id": case.external_id}
    found |= {"messages": messages(case)} if as_messages else {"prompt": case.prompt}
    plain = {"expected": case.expected, "category": case.category, "tags": case.tags, "cluster": case.cluster}
    found |= {name: value for name, value in plain.items() if value}
    found |= {name: case.checks[name] for name in CHECKS if name in case.checks}
    return found | ({"metadata": case.metadata} if case.metadata else {})


def messages(case: EvalCase) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": case.system}] if case.system else []
    return [*system, *case.turns, {"role": "user", "content": case.prompt}]


class Line:
    """What csv.writer writes to; it hands back each line."""

    def write(self, line: str) -> str:
        return line


def overlap_lines(eval_set: EvalSet) -> Iterator[str]:
    """The cases that stand in the training file too, with the rows of both files."""
    writer = csv.writer(Line())
    yield writer.writerow([*OVERLAP_COLUMNS, "training_file"])
    for warning in told_of(eval_set):
        if warning["kind"] == TRAINED_ON:
            for one in warning.get("overlaps", []):
                cells = [one[name] for name in OVERLAP_COLUMNS]
                yield writer.writerow([neutralised(cell) for cell in (*cells, warning.get("training_file", ""))])
