"""Whatever a model answers and an eval set asks, no scorer raises, hangs, or says something a database cannot keep."""

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.scorers import registry
from experiments.scorers.base import Case, Response, ScoreResult
from tests.real_data import real_data

NAMES = list(registry.SCORERS)
PARAMS: dict[str, dict[str, Any]] = {
    "line_format": {"pattern": r"\w+: .*"},
    "regex_match": {"pattern": r"(\w+\s?)+$"},
    "rubric": {"url": "http://127.0.0.1:9/judge"},
}
LARGE, LARGEST = 150_000, 1_000_000


def hostile(size: int) -> dict[str, str]:
    """Of about so many characters each."""
    return {
        "digits": "9" * size,
        "separators": "1," * (size // 2),
        "signs": "-$" * (size // 2),
        "deep arrays": "[" * (size // 10) + "]" * (size // 10),
        "deep objects": '{"a":' * (size // 10),
        "not a number": '{"a": NaN}',
        "half a pair": "\ud800" * 1_000,
        "half a pair in JSON": '"\\ud800"',
        "zeros": "\0" * (size // 2),
        "one letter": "a" * size,
        "white space": " \n\t" * (size // 3),
        "many words": " ".join(f"w{n}" for n in range(size // 8)),
        "one long word": "y" * (size - 1),
        "fences": "```json\n" * (size // 8),
        "braces": "{[" * (size // 4),
        "nothing": "",
        "exponents": "1e9" * (size // 3),
        "slashes": "1/" * (size // 2),
        "half a fraction": "1/" + "9" * size + "/",
        "an exponent without end": "1e" + "9" * size + "x",
        "a fence of spaces": "```json\n" + " " * size,
        "calls without end": "delete(" * (size // 7),
    }


TEXTS = hostile(LARGE)
# The kind that took each the longest, where it is another than digits.
HARDEST = {
    "numeric_match": "slashes",
    "bleu": "signs",
    "chrf": "many words",
    "rouge_l": "many words",
    "similarity": "separators",
    "tool_call": "deep objects",
    "must_not_call": "deep objects",
    "json_valid": "deep arrays",
}
CHECKS: dict[str, Any] = {
    "accepted": ["7", 8, None, ["x"]],
    "schema": {"type": "object", "patternProperties": {"^(a+)+$": {"type": "integer"}}, "additionalProperties": False},
    "expected_tool_calls": [{"name": "f", "arguments": {"a": [1]}}],
    "must_not_match": ["(x+x+)+y", r"\d{3}"],
    "must_not_call": ["delete"],
}


def assert_kept(result: ScoreResult) -> None:
    assert result.value is None or math.isfinite(result.value)
    assert result.value is not None or result.reason
    kept = json.dumps([result.reason, dict(result.detail)], allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in kept
    assert len(kept.encode()) < 20_000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", TEXTS)
def test_a_hostile_answer_is_scored_in_time(name: str, kind: str) -> None:
    assert scoring_time(name, TEXTS[kind]) < 5


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_answer_of_a_million_characters_is_scored_in_time(name: str) -> None:
    assert scoring_time(name, hostile(LARGEST)[HARDEST.get(name, "digits")]) < 20


def scoring_time(name: str, text: str) -> float:
    judge = registry.get(name).bind(PARAMS.get(name, {}))
    calls = [{"name": "f", "arguments": text}, {"function": {"name": text[:99], "arguments": {"a": text}}}, text]
    started = time.process_time()
    assert_kept(judge(Case(expected="42", checks=CHECKS), Response(text=text, tool_calls=calls)))
    if name in ("numeric_match", "exact_match", "contains", "rouge_l", "similarity"):
        assert_kept(judge(Case(expected=text, checks=CHECKS), Response(text=f"{text[:-1]}x")))
    return time.process_time() - started


@pytest.mark.parametrize("extract", ["fenced", "embedded"])
@pytest.mark.parametrize("kind", TEXTS)
def test_json_is_looked_for_in_a_hostile_answer_in_time(extract: str, kind: str) -> None:
    started = time.process_time()
    assert_kept(registry.get("json_valid").bind({"extract": extract})(Case(), Response(text=TEXTS[kind])))
    assert time.process_time() - started < 5


def test_a_word_is_looked_for_in_time_where_everything_repeats() -> None:
    started = time.process_time()
    assert_kept(
        registry.get("contains").bind({"whole_words": True})(Case(expected="a" * 400_000), Response(text="a" * 900_000))
    )
    assert time.process_time() - started < 20


def test_whole_numbers_beyond_every_limit_are_judged_and_shown() -> None:
    call = [{"name": "f", "arguments": {"a": 1 << 99_999}}]
    tools = [{"name": "f", "parameters": {"properties": {"a": {"type": "float"}}}}]
    expected = [{"name": "f", "arguments": {"a": [1.5]}}]
    for name in ("tool_call", "must_not_match", "must_not_call"):
        case = Case(checks={**CHECKS, "tools": tools, "expected_tool_calls": expected})
        assert_kept(registry.get(name).bind({})(case, Response(tool_calls=call)))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CHECK_KEYS = [*CHECKS, "tools", "response_format"]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    text=st.text(st.characters(), max_size=40),
    expected=st.text(st.characters(), max_size=20),
    checks=st.dictionaries(st.sampled_from(CHECK_KEYS), JSON, max_size=4),
    calls=st.none() | JSON,
    numbers=st.none() | st.floats() | st.integers(),
)
def test_whatever_a_case_holds_no_scorer_raises(
    text: str, expected: str, checks: Mapping[str, Any], calls: Any, numbers: Any
) -> None:
    response = Response(
        text=text, tool_calls=calls, latency_ms=numbers, output_tokens=numbers, logprobs_sum=numbers, logprobs_n=3
    )
    for name in NAMES:
        case = Case(expected=expected, checks=checks)
        registry.get(name).applies(case)
        assert_kept(registry.get(name).bind(PARAMS.get(name, {}))(case, response))


@pytest.mark.real_data
def test_the_naughty_strings_are_scored_by_all() -> None:
    strings = json.loads(next(real_data("adversarial").rglob("blns*.json")).read_text())
    assert len(strings) >= 500
    judges = [registry.get(name).bind(PARAMS.get(name, {})) for name in NAMES]
    for text in strings:
        for judge in judges:
            assert_kept(judge(Case(expected=text or "x", checks=CHECKS), Response(text=text, tool_calls=[text])))
