"""Whether the arguments of a tool call are among those accepted.

The rules are those of the Berkeley Function-Calling Leaderboard (Patil et al. 2024, the "AST" checks), for JSON:
an argument must have the type that the tool's schema gives it, or else the type of its accepted values; its value must
be one of them; "" among them means that it may be left out; inside objects each key lists its accepted values too.
A `number` of JSON Schema takes whole numbers; BFCL's own type `float` takes them outside arrays only.
Strings may be compared loosely: without case, spaces and , . / - _ * ^, and with either quote.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.scorers.shown import shown, shown_list

LARGEST_WHOLE = 2**1023
LOOSE = str.maketrans("'", '"', " ,./-_*^")
KINDS = {
    "string": "string",
    "integer": "integer",
    "float": "float",
    "double": "float",
    "number": "number",
    "boolean": "boolean",
    "array": "array",
    "list": "array",
    "tuple": "array",
    "object": "object",
    "dict": "object",
}


def kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind, types in (("integer", int), ("float", float), ("string", str)):
        if isinstance(value, types):
            return kind
    if isinstance(value, Mapping):
        return "object"
    return "array" if isinstance(value, Sequence) else "null"


def problem_with(value: Any, accepted: Sequence[Any], schema: Mapping[str, Any], *, loose: bool) -> str:
    """Why the value is not accepted, empty where it is. schema: of this argument, {} where the tool has none."""
    wanted = _kind_in(schema)
    if wanted == "float" and kind_of(value) == "integer" and abs(value) <= LARGEST_WHOLE:
        value = float(value)
    usual = _usual_kind(accepted)
    if not wanted:
        wanted = usual
    as_declared = _same_kind(kind_of(value), wanted)
    if as_declared:
        if wanted == "array" and not _items_fit(value, accepted, _kind_in(_items(schema))):
            return f"its items have another type than {_kind_in(_items(schema))}: {shown(value, 60)}"
    elif not usual or not _same_kind(kind_of(value), usual):
        return f"it is {_article(kind_of(value))}, not {_article(wanted)}: {shown(value, 60)}"
    if any(_equal(value, answer, loose=loose) for answer in accepted):
        return ""
    return f"{shown(value, 60)} is not among {', '.join(shown_list(accepted, 3))}"


def _usual_kind(accepted: Sequence[Any]) -> str:
    """The type of the accepted values, where they say one."""
    return next((kind_of(answer) for answer in accepted if answer != ""), "")


def _kind_in(schema: Mapping[str, Any]) -> str:
    """What a schema calls the type, empty where it leaves that open."""
    named = schema.get("type")
    return KINDS.get(named, "") if isinstance(named, str) else ""


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    items = schema.get("items")
    return items if isinstance(items, Mapping) else {}


def _same_kind(kind: str, wanted: str) -> bool:
    return not wanted or kind == wanted or (wanted == "number" and kind in ("integer", "float"))


def _items_fit(value: Sequence[Any], accepted: Sequence[Any], wanted: str) -> bool:
    """Each item has the declared type, or that of the items of one accepted list."""
    if not wanted:
        return True
    lists = [answer for answer in accepted if isinstance(answer, list)]
    kinds = [_usual_kind(answer) for answer in lists] or [""]
    return any(all(_item_fits(kind_of(item), wanted, kind) for item in value) for kind in kinds)


def _item_fits(kind: str, wanted: str, usual: str) -> bool:
    return _same_kind(kind, wanted) or (bool(usual) and kind == usual)


def _equal(value: Any, answer: Any, *, loose: bool) -> bool:
    kinds = kind_of(value), kind_of(answer)
    if kinds == ("string", "string"):
        return loosened(value) == loosened(answer) if loose else bool(value == answer)
    if kinds == ("array", "array"):
        return len(value) == len(answer) and all(
            _equal(item, other, loose=loose) for item, other in zip(value, answer, strict=True)
        )
    if kinds == ("object", "object"):
        return _object_fits(value, answer, loose=loose)
    return ("boolean" not in kinds and bool(value == answer)) or (kinds[0] == kinds[1] and bool(value == answer))


def _object_fits(value: Mapping[str, Any], answer: Mapping[str, Any], *, loose: bool) -> bool:
    listed = {key: item if isinstance(item, list) else [item] for key, item in answer.items()}
    if any(key not in value and "" not in accepted for key, accepted in listed.items()):
        return False
    return all(
        key in listed and any(_equal(item, one, loose=loose) for one in listed[key]) for key, item in value.items()
    )


def loosened(text: str) -> str:
    return text.translate(LOOSE).lower()


def _article(kind: str) -> str:
    return {"integer": "an integer", "object": "an object", "array": "an array", "null": "null"}.get(kind, f"a {kind}")
