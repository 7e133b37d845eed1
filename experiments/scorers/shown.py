"""Untrusted values as short texts that a page, a database and a log can hold."""

import reprlib
from collections.abc import Iterable

LONGEST = 200
_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 120


def shown(value: object, longest: int = LONGEST) -> str:
    """A text itself, anything else as Python writes it; cut, without NUL and without halves of surrogate pairs."""
    text = value if isinstance(value, str) else _written(value)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return storable(text)


def _written(value: object) -> str:
    try:
        return _short.repr(value)
    except ValueError:
        return "a number of very many digits"


def shown_list(values: Iterable[object], most: int = 5) -> list[str]:
    """The first few, and how many more there are."""
    texts = [shown(value) for value in values]
    return texts if len(texts) <= most else [*texts[:most], f"and {len(texts) - most:,} more"]


def storable(text: str) -> str:
    """PostgreSQL keeps neither NUL nor what is not UTF-8."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()
