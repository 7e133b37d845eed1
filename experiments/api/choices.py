"""What a program chooses beside its file: which column holds what, and the scorers of a set."""

from collections.abc import Collection, Sequence
from typing import Any

import orjson

from experiments.services.file_imports import set_scorers
from experiments.services.file_imports.shapes import ImportRefused

NO_LIST = 'scorers must be JSON: a list of names, or of {"scorer", "params", "key", "primary"}.'


def mapping(pairs: Sequence[str], fields: Collection[str]) -> dict[str, str]:
    """Columns by field, from FIELD=COLUMN. Raises ImportRefused."""
    chosen = dict(pair.partition("=")[::2] for pair in pairs)
    if wrong := [name for name, column in chosen.items() if name not in fields or not column]:
        raise ImportRefused(f"map: {wrong[0]!r}: it is FIELD=COLUMN with FIELD one of {', '.join(fields)}.")
    return chosen


def scorers(said: str) -> list[dict[str, Any]] | None:
    """None where nothing is said: then those that suit the cases. Raises ImportRefused."""
    if not said:
        return None
    try:
        found = orjson.loads(said)
    except orjson.JSONDecodeError:
        raise ImportRefused(NO_LIST) from None
    if not isinstance(found, list) or "\\u0000" in said:
        raise ImportRefused(NO_LIST)
    return set_scorers.settled([{"scorer": each} if isinstance(each, str) else each for each in found])
