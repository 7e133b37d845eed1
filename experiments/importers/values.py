"""A cell of a file as the value a pair needs, or the reason it cannot be."""

from typing import Any

import orjson

from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Unfit

OUTCOMES = ("candidate", "baseline", "tie", "both_bad")
EXACT_FLOAT = 2.0**53
TYPE_NAMES = {dict: "an object", list: "a list", bool: "true or false", float: "a number with a fraction"}


def text(value: Any, column: str, longest: int) -> str:
    """Text as it stands; whole numbers and true/false as JSON writes them; nothing as ''."""
    if type(value) is not str:
        value = scalar(value, column)
    if len(value) > longest:
        raise Unfit(Kind.TOO_LONG, f"{len(value):,} characters; at most {longest:,}", column)
    if "\0" in value:
        position = value.index("\0") + 1
        raise Unfit(Kind.NUL, f"a NUL character at position {position}: PostgreSQL cannot store it", column)
    return value  # type: ignore[no-any-return]


def scalar(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        exact(value, column)
    if isinstance(value, (int, float)):
        return orjson.dumps(value).decode()
    raise Unfit(Kind.WRONG_TYPE, f"text is expected here, not {TYPE_NAMES.get(type(value), 'this')}", column)


def exact(value: float, column: str) -> None:
    """Refuse what a JSON reader may already have rounded: whole numbers too big for a float."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Unfit(Kind.NAN, "NaN and Infinity are no values: leave the field empty", column)
    if abs(value) >= EXACT_FLOAT:
        raise Unfit(Kind.BIG_NUMBER, "a number too big to keep exactly: put it in quotes", column)


def identifier(value: Any, column: str, longest: int) -> str:
    if isinstance(value, (bool, dict, list)):
        raise Unfit(Kind.WRONG_TYPE, f"an id is text or a whole number, not {TYPE_NAMES[type(value)]}", column)
    if isinstance(value, float):
        exact(value, column)
        if not value.is_integer():
            raise Unfit(Kind.WRONG_TYPE, "an id is text or a whole number, not a number with a fraction", column)
        value = int(value)
    found = text(value, column, longest).strip()
    if not found:
        raise Unfit(Kind.BLANK, "the id is blank", column)
    return found


def outcome(value: Any, column: str, longest: int) -> str:
    """The right verdict on a pair, or nothing."""
    said = text(value, column, longest).strip().casefold()
    if said and said not in OUTCOMES:
        raise Unfit(
            Kind.UNKNOWN_VALUE,
            f"{said[:40]!r} is no known answer: say {', '.join(OUTCOMES)}, or leave it empty; if this column holds "
            "something else, choose no column for known answers",
            column,
        )
    return said


def response(value: Any, column: str, longest: int) -> str:
    """A response may be empty, but it must be there. Chat messages count by their last one, the assistant's."""
    if type(value) is str:
        return text(value, column, longest)
    if value is None:
        raise Unfit(Kind.MISSING_COUNTERPART, "this response is missing: the other one has no counterpart", column)
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        last = value[-1]
        if last.get("role") != "assistant":
            raise Unfit(Kind.MISSING_COUNTERPART, "the last message is not the assistant's", column)
        value = last.get("content")
    return text(content(value, column), column, longest)


def content(value: Any, column: str) -> Any:
    """The text of a chat message: a string, text parts, or an object with an answer."""
    if isinstance(value, dict) and isinstance(value.get("answer"), str):
        return value["answer"]
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
        if len(parts) != len(value) or not all(isinstance(part, str) for part in parts):
            raise Unfit(Kind.WRONG_TYPE, "only text parts of messages can be compared", column)
        return "\n".join(str(part) for part in parts)
    return value


def tags(value: Any, column: str, longest: int) -> list[str]:
    """A list, or text divided by commas or semicolons."""
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        value = text(value, column, longest * 50).replace(";", ",").split(",")
    return [tag for part in value if (tag := text(part, column, longest).strip())]


def metadata(record: dict[str, Any], columns: tuple[str, ...], limits: Limits) -> dict[str, Any]:
    """`metadata` objects as they are, each `metadata.x` column under x."""
    found: dict[str, Any] = {}
    for column in columns:
        value = record.get(column)
        if value is None or value == "":
            continue
        sound(value, column, limits, limits.depth)
        if column != "metadata":
            found[column.removeprefix("metadata.")] = value
        elif isinstance(value, dict):
            found |= value
        else:
            raise Unfit(Kind.WRONG_TYPE, "metadata is an object; name single values metadata.something", column)
    return found


def sound(value: Any, column: str, limits: Limits, levels: int) -> None:
    """Refuse what jsonb would refuse or change."""
    if levels < 0:
        raise Unfit(Kind.TOO_DEEP, f"nested more than {limits.depth} levels deep", column)
    if isinstance(value, str):
        text(value, column, limits.text)
    elif isinstance(value, float):
        exact(value, column)
    elif isinstance(value, dict):
        for key, part in value.items():
            text(key, column, limits.label)
            sound(part, column, limits, levels - 1)
    elif isinstance(value, list):
        for part in value:
            sound(part, column, limits, levels - 1)
