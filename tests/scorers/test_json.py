import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.scorers.json_text import NotJson, read_json
from tests.scorers.scoring import passes, score

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_json_writes_is_read_again(value: Any) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(f"```json\n{json.dumps(value)}\n```", "fenced") == value


@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_an_object_is_found_among_words(value: Any) -> None:
    assert read_json(f"Sure! Here it is: {json.dumps(value)} Anything else?", "embedded") == value


REFUSED = {
    "": "not valid JSON",
    "{'a': 1}": "line 1, column 2",
    "[1,]": "not valid JSON",
    "NaN": "NaN is not JSON",
    "[-Infinity]": "-Infinity is not JSON",
    "1e999": "too large",
    "9" * 5_000: "too many digits",
    r'"\ud800"': "surrogate",
    "[" * 100_000: "nested too deeply",
    "[" * 100_000 + "]" * 100_000: "nested too deeply",
    '{"a":' * 100_000: "nested too deeply",
    "```json\n{}\n```": "not valid JSON",
    "{} and more": "not valid JSON",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_what_a_strict_reader_refuses_is_not_json(text: str) -> None:
    with pytest.raises(NotJson) as refusal:
        read_json(text)
    assert REFUSED[text] in str(refusal.value)
    assert not passes("json_valid", text)


def test_the_outermost_value_can_be_asked_for() -> None:
    assert passes("json_valid", "3")
    assert passes("json_valid", "{}", params={"kind": "object"})
    assert score("json_valid", "[]", params={"kind": "object"}).reason == "valid JSON, but no object"


def test_a_pair_of_surrogates_is_text() -> None:
    assert read_json(r'"\ud83d\ude00"') == "😀"


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}


def test_the_schema_is_the_cases_or_the_scorers_or_that_of_the_response_format() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    for given_ in ({"schema": SCHEMA}, {"params": {"schema": SCHEMA}}, {"response_format": asked}):
        assert passes("json_schema", '{"n": 1}', **given_)
        assert not passes("json_schema", '{"n": 0}', **given_)
    assert score("json_schema", '{"n": 0}').reason == "neither the scorer nor the case gives a schema"


def test_what_does_not_fit_is_told_with_its_place() -> None:
    result = score("json_schema", '{"n": 0}', schema=SCHEMA)
    assert result.detail["problems"] == ["$.n: 0 is less than the minimum of 1"]
    assert score("json_schema", "{n: 0}", schema=SCHEMA).reason.startswith("not valid JSON")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert passes("json_schema", '{"n": 2.0}', schema=SCHEMA)
    assert math.isclose(read_json("2.5"), 2.5)
