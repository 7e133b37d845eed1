"""One JSON value, read fast; when that fails, read again slowly to say exactly why."""

import json
from math import isfinite
from typing import Any

import orjson

from experiments.importers.problems import Kind, Unfit

NOT_A_NUMBER = object()


def parse(raw: bytes | str) -> Any:
    """The value. Raises Unfit with the kind, the reason and, where it can be told, the top-level key."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise diagnosis(raw.decode() if isinstance(raw, bytes) else raw) from None


def diagnosis(text: str) -> Unfit:
    try:
        value = json.loads(text, parse_constant=lambda _: NOT_A_NUMBER)
    except RecursionError:
        return Unfit(Kind.TOO_DEEP, "nested too deeply")
    except json.JSONDecodeError as error:
        return Unfit(Kind.BAD_JSON, f"not valid JSON: {error.msg} at character {error.pos + 1} of the row")
    except ValueError:
        return Unfit(Kind.BIG_NUMBER, "a number has too many digits: put it in quotes")
    for column, part in value.items() if isinstance(value, dict) else [("", value)]:
        if holds(part, is_no_number):
            return Unfit(Kind.NAN, "NaN and Infinity are not JSON: leave the field out or write null", column)
        if holds(part, is_lone_surrogate) or is_lone_surrogate(column):
            return Unfit(Kind.LONE_SURROGATE, "half of a surrogate pair (\\ud800 to \\udfff) is not text", column)
        if holds(part, is_huge):
            return Unfit(Kind.BIG_NUMBER, "a number has too many digits: put it in quotes", column)
    return Unfit(Kind.TOO_DEEP, "nested too deeply")


def is_no_number(value: Any) -> bool:
    return value is NOT_A_NUMBER or (isinstance(value, float) and not isfinite(value))


def is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= 2**63


def is_lone_surrogate(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)


def holds(value: Any, test: Any) -> bool:
    if isinstance(value, dict):
        return any(test(key) or holds(part, test) for key, part in value.items())
    if isinstance(value, list):
        return any(holds(part, test) for part in value)
    return bool(test(value))
