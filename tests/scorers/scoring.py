"""One case, one response, one scorer: the shortest way to ask what it says."""

import json
from pathlib import Path
from typing import Any

from experiments.scorers import registry
from experiments.scorers.base import Case, Response, ScoreResult


def score(name: str, text: str = "", expected: str = "", **given: Any) -> ScoreResult:
    """params, tool_calls and the other fields of a response by name; what is left are checks of the case."""
    params = given.pop("params", {})
    fields = {key: given.pop(key) for key in list(given) if key in Response.__dataclass_fields__}
    judge = registry.get(name).bind(params)
    return judge(Case(expected=expected, checks=given), Response(text=text, **fields))


def passes(name: str, text: str = "", expected: str = "", **given: Any) -> bool:
    result = score(name, text, expected, **given)
    assert result.passed is not None, result.reason
    assert result.value == float(result.passed)
    assert result.passed or result.reason
    return result.passed


def json_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
