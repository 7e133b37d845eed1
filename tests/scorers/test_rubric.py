import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.scorers.base import Case, Response
from experiments.scorers.rubric import request_body, result_of


def answered(**answer: Any) -> Any:
    return result_of(json.dumps(answer).encode())


def test_the_service_is_told_the_case_and_nothing_of_the_model() -> None:
    response = Response(text="hi \ud800", finish_reason="stop", latency_ms=3.0, tool_calls=[{"name": "f"}])
    body = json.loads(request_body(Case(prompt="p", expected="e"), response, rubric="polite?", case_id="c-1"))
    assert body["response"]["text"].startswith("hi ")
    assert body == {
        "protocol": 1,
        "case_id": "c-1",
        "rubric": "polite?",
        "prompt": "p",
        "expected": "e",
        "category": None,
        "response": {"text": body["response"]["text"], "tool_calls": [{"name": "f"}]},
    }


def test_a_score_passes_from_the_mark_unless_the_service_says_itself() -> None:
    assert (answered(score=0.5).value, answered(score=0.5).passed) == (0.5, True)
    assert answered(score=0.49).passed is False
    assert (answered(score=0.2, passed=True).value, answered(score=0.2, passed=True).passed) == (0.2, True)
    assert (answered(passed=False).value, answered(passed=False).passed) == (0.0, False)
    assert result_of(b'{"score": 0.6}', pass_mark=0.7).passed is False


def test_reason_and_criteria_are_kept_for_the_page() -> None:
    result = answered(score=1, reason="fine\0", criteria={"tone": 0.5, "bad": 7, "worse": "x"})
    assert (result.reason, result.detail) == ("fine\N{SYMBOL FOR NULL}", {"criteria": {"tone": 0.5}})
    assert len(answered(score=1, reason="x" * 9_000).reason) == 2_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"{}",
        b'{"score": 2}',
        b'{"score": "1"}',
        b'{"score": true}',
        b'{"score": NaN}',
        b'{"passed": 1}',
    ],
)
def test_an_answer_that_is_not_understood_is_no_score(body: bytes) -> None:
    result = result_of(body)
    assert (result.value, result.passed) == (None, None)
    assert result.reason


@given(st.binary())
def test_no_answer_raises(body: bytes) -> None:
    assert result_of(body).reason
