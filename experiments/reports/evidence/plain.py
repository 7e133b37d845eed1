"""Frozen dataclasses as plain JSON and back: tuples as lists, moments as ISO text with their zone."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")
HINTS: dict[type, dict[str, Any]] = {}


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def built(kind: type[Kind], raw: Mapping[str, Any]) -> Kind:
    """What is not told keeps its default, so that a row written by an older version can still be shown."""
    hints = hints_of(kind)
    return kind(**{name: read(hints[name], value) for name, value in raw.items() if name in hints})


def hints_of(kind: type) -> dict[str, Any]:
    if kind not in HINTS:
        HINTS[kind] = get_type_hints(kind)
    return HINTS[kind]


def read(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    inner = [one for one in get_args(kind) if one not in (NoneType, Ellipsis)]
    if get_origin(kind) is tuple:
        return tuple(read(inner[0], one) for one in value)
    if get_origin(kind) is not None and len(inner) == 1:
        return read(inner[0], value)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return built(kind, value)
    return datetime.fromisoformat(value) if kind is datetime else value
