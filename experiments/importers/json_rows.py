"""JSON lines, row by row."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from experiments.importers import json_value, lines
from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Problem, Report, Unfit

Record = tuple[int, dict[str, Any]]


def records(file: BinaryIO, *, limits: Limits, report: Report, number: int = 1) -> Iterator[Record]:
    """(line number, object). Blank lines are stepped over and counted."""
    lines.start(file)
    for row, (offset, line) in enumerate(lines.byte_lines(file, limits.row_bytes), start=1):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            if not line.strip():
                continue
            report(line_problem(line, offset, limits).at(row, number))
            continue
        if type(value) is dict:
            yield row, value
        else:
            report(not_an_object(row, number))


def line_problem(line: bytes, offset: int, limits: Limits) -> Unfit:
    if len(line) > limits.row_bytes:
        return Unfit(Kind.TOO_LONG, f"longer than {limits.row_bytes:,} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        problem = lines.bad_byte(error, offset)
        problem.column = column_of_bad(line.decode(errors="surrogateescape"))
        return problem
    return json_value.diagnosis(text)


def column_of_bad(text: str) -> str:
    """Bytes that are not UTF-8 were kept as lone surrogates, which tells their column."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    fields = value.items() if isinstance(value, dict) else ()
    return next((name for name, part in fields if json_value.holds(part, json_value.is_lone_surrogate)), "")


def not_an_object(row: int, number: int) -> Problem:
    return Problem(row, "", Kind.WRONG_TYPE, "each row must be an object with named fields", number)
