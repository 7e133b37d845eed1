"""What a scorer can be told, checked before the first case is scored."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from experiments.scorers.shown import shown

Kind = Literal["flag", "text", "number", "count", "choice", "texts", "object"]

KINDS = {
    "flag": "true or false",
    "text": "a text",
    "number": "a finite number",
    "count": "a whole number from 0",
    "texts": "a list of texts",
    "object": "a JSON object",
}
LARGEST_COUNT = 2**53


class BadParams(ValueError):
    """The parameters cannot be used; the message says which one, why, and what would do."""


@dataclass(frozen=True)
class Param:
    """One parameter: its default where none is given. A default of None means that it may be left out."""

    name: str
    kind: Kind
    _: KW_ONLY
    default: object = None
    help: str
    choices: tuple[str, ...] = ()

    @property
    def expects(self) -> str:
        return f"one of {', '.join(self.choices)}" if self.kind == "choice" else KINDS[self.kind]


def checked(scorer: str, known: tuple[Param, ...], given: object) -> dict[str, Any]:
    """Every known parameter with its value or default. Raises BadParams."""
    if not isinstance(given, Mapping):
        raise BadParams(f"{scorer}: params must be an object, not {shown(given)}.")
    names = [param.name for param in known]
    unknown = sorted(str(name) for name in given if name not in names)
    if unknown:
        there_are = f"There are: {', '.join(names)}." if names else "It takes none."
        raise BadParams(f"{scorer} does not know the parameter {shown(', '.join(unknown))}. {there_are}")
    return {param.name: _value(scorer, param, given.get(param.name, param.default)) for param in known}


def _value(scorer: str, param: Param, value: object) -> object:
    if value is None and param.default is None:
        return None
    if not _fits(param, value):
        raise BadParams(f"{scorer}: {param.name} must be {param.expects}, not {shown(value)}.")
    return float(value) if param.kind == "number" and isinstance(value, int | float) else value


def _fits(param: Param, value: object) -> bool:
    match param.kind:
        case "flag":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case "texts":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "count":
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT
        case "number":
            return _is_number(value)
        case "object":
            return isinstance(value, dict)
        case "choice":
            return value in param.choices


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST_COUNT if isinstance(value, int) else math.isfinite(value)
