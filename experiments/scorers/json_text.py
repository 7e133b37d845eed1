"""JSON out of an answer, as strictly as the readers of other languages take it."""

import json
import re
from math import isfinite
from typing import Any

from experiments.scorers.base import Param

HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
FENCE = "```"
LANGUAGES = ("", "json", "jsonc", "json5")
STARTS = re.compile(r"[\[{]")
MOST_STARTS = 20

EXTRACT = Param(
    "extract",
    "choice",
    default="whole",
    choices=("whole", "fenced", "embedded"),
    help="where the JSON stands: the whole answer; or alone in a Markdown fence; or anywhere, the first that reads",
)


class NotJson(ValueError):
    """The text is no JSON; the message says why."""


def read_json(text: str, extract: str = "whole") -> Any:
    """The value. Raises NotJson for what is not RFC 8259, and for what a usual reader cannot hold.

    Such are NaN and Infinity, numbers beyond a double or of more than 4,300 digits, halves of surrogate pairs, and
    nesting deeper than about a thousand. Of a repeated key the last value counts.
    """
    if extract == "embedded":
        return _embedded(text)
    return _strict(_unfenced(text) if extract == "fenced" else text)


def _unfenced(text: str) -> str:
    """What stands in the one Markdown fence that is the whole text; else the text."""
    inner = text.strip()
    if not (inner.startswith(FENCE) and inner.endswith(FENCE) and len(inner) >= 2 * len(FENCE)):
        return text
    language, line_end, rest = inner[len(FENCE) : -len(FENCE)].partition("\n")
    return rest if line_end and language.strip().lower() in LANGUAGES else text


def _embedded(text: str) -> Any:
    reason = "it holds neither an object nor an array"
    for start, _ in zip(STARTS.finditer(text), range(MOST_STARTS), strict=False):
        try:
            return _strict(text, start.start())
        except NotJson as error:
            reason = str(error)
    raise NotJson(reason)


def _strict(text: str, start: int | None = None) -> Any:
    try:
        value = DECODER.decode(text) if start is None else DECODER.raw_decode(text, start)[0]
        if HALF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotJson(f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJson("nested too deeply to be read") from None
    except UnicodeEncodeError:
        raise NotJson("half of a surrogate pair (\\ud800 to \\udfff) is not text") from None
    except NotJson:
        raise
    except ValueError:
        raise NotJson("a number has too many digits to be read") from None
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise NotJson("a number is too large to be read")
    return value


def _no_constant(name: str) -> Any:
    raise NotJson(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
