"""Outputs of one model for a set that exists: records of a file, one per case, told apart by the case's id."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import orjson

from experiments.importers import lm_eval, values
from experiments.importers.limits import Limits
from experiments.importers.mapping import first
from experiments.importers.problems import Kind, Problem, Report, Unfit

ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "item_id", "question_id", "prompt_id", "case_id", "external_id", "uid", "custom_id", "doc_id"),
    "text": (
        "response", "output", "completion", "prediction", "generation", "answer", "model_output", "text", "resps",
        "messages",
    ),
    "tool_calls": ("tool_calls", "function_calls"),
    "latency_ms": ("latency_ms",),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "error": ("error", "error_class"),
    "logprobs_sum": ("logprobs_sum",),
    "logprobs_n": ("logprobs_n",),
}  # fmt: skip
LONGEST_REASON = 50
LARGEST_COUNT = 2**31 - 1
LONGEST_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True)
class Columns:
    """Column names by field; empty where a field has no column."""

    id: str = ""
    text: str = ""
    tool_calls: str = ""
    latency_ms: str = ""
    input_tokens: str = ""
    output_tokens: str = ""
    finish_reason: str = ""
    error: str = ""
    logprobs_sum: str = ""
    logprobs_n: str = ""

    def missing(self) -> list[str]:
        """An answer may be a text, a call of tools, or both."""
        return [*([] if self.id else ["id"]), *([] if self.text or self.tool_calls else ["text"])]

    def named(self) -> list[str]:
        return [column for column in asdict(self).values() if column]


class OutputRow(NamedTuple):
    row: int
    id: str
    text: str
    tool_calls: list[Any] | None = None
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str = ""
    error: str = ""
    logprobs_sum: float | None = None
    logprobs_n: int | None = None

    def digest(self) -> int:
        """Of everything but the place in the file: the same outputs in another order are the same outputs."""
        return int.from_bytes(hashlib.sha256(orjson.dumps(self[1:])).digest(), "big")


def suggest(names: Sequence[str], *, chosen: dict[str, str] | None = None) -> Columns:
    """By the aliases, with what was chosen by hand on top. A chosen empty name means "no column"."""
    found = {name: first(names, aliases) for name, aliases in ALIASES.items()}
    return Columns(**found | {name: column for name, column in (chosen or {}).items() if name in found})


def read(
    records: Iterable[tuple[int, dict[str, Any]]],
    *,
    columns: Columns,
    errors_known: Collection[str],
    limits: Limits,
    report: Report,
) -> Iterator[OutputRow]:
    """A row for each record with nothing wrong; every field that is wrong is reported."""
    readers = {name: reader for name, reader in field_readers(errors_known, limits).items() if getattr(columns, name)}
    for row, record in records:
        found: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, reader in readers.items():
            column = getattr(columns, name)
            try:
                found[name] = reader(lm_eval.field(record, column), column)
            except Unfit as problem:
                problems.append(problem.at(row))
        if not problems and nothing_said(record, found, columns):
            reason = "neither a text nor tool calls nor an error: say an empty text for an empty answer"
            problems.append(Problem(row, columns.text or columns.tool_calls, Kind.MISSING, reason))
        for each in problems:
            report(each)
        if not problems:
            yield OutputRow(row, **{"text": "", **found})


def nothing_said(record: dict[str, Any], found: dict[str, Any], columns: Columns) -> bool:
    has_text = columns.text and record.get(columns.text) is not None
    return not has_text and found.get("tool_calls") is None and not found.get("error")


Reader = Callable[[Any, str], Any]


def field_readers(errors_known: Collection[str], limits: Limits) -> dict[str, Reader]:
    return {
        "id": lambda value, column: values.identifier(value, column, limits.label),
        "text": lambda value, column: "" if value is None else values.response(value, column, limits.text),
        "tool_calls": lambda value, column: tool_calls(value, column, limits),
        "latency_ms": lambda value, column: number(value, column, 0, LONGEST_MS),
        "input_tokens": count,
        "output_tokens": count,
        "finish_reason": lambda value, column: values.text(value, column, LONGEST_REASON),
        "error": lambda value, column: error_class(value, column, errors_known),
        "logprobs_sum": lambda value, column: number(value, column, -1e12, 0),
        "logprobs_n": count,
    }


def tool_calls(value: Any, column: str, limits: Limits) -> list[Any] | None:
    """A list of calls, as JSON or as its text; an empty list says that none was made."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise Unfit(Kind.BAD_JSON, "tool calls are a JSON list", column) from None
    if not isinstance(value, list) or not all(isinstance(call, dict) for call in value):
        raise Unfit(Kind.WRONG_TYPE, "tool calls are a list of objects", column)
    values.sound(value, column, limits, limits.depth)
    return value


def number(value: Any, column: str, low: float, high: float) -> float | None:
    if value is None or value == "":
        return None
    try:
        found = float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        found = None
    if found is None:
        raise Unfit(Kind.WRONG_TYPE, "a number is expected here", column)
    if not low <= found <= high:
        raise Unfit(Kind.UNKNOWN_VALUE, f"a number from {low:,.0f} to {high:,.0f} is expected here", column)
    return found


def count(value: Any, column: str) -> int | None:
    found = number(value, column, 0, LARGEST_COUNT)
    if found is not None and not found.is_integer():
        raise Unfit(Kind.WRONG_TYPE, "a whole number is expected here", column)
    return None if found is None else int(found)


def error_class(value: Any, column: str, known: Collection[str]) -> str:
    found = values.text(value, column, 200).strip()
    if found and found not in known:
        raise Unfit(Kind.UNKNOWN_VALUE, f"{found[:40]!r} is no error class: say one of {', '.join(known)}", column)
    return found


def absent_columns(columns: Columns, names: Sequence[str]) -> Iterator[Problem]:
    for field in fields(columns):
        column = getattr(columns, field.name)
        if column and column not in names:
            yield Problem(0, column, Kind.MISSING_COLUMN, "no row has this column")
