"""Each event is read whole or refused with what its sender must mend."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.live_events import Event, Malformed, NotEvents, parse, read
from tests.factories.live_events_ import event, exposure

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_an_event_is_read_with_all_its_fields() -> None:
    found = read(
        event(
            "answered", event_id="1", unit_id="ada", conversation_id="c", timestamp="2026-01-31T12:00:00.5+01:00",
            value=3, properties={"tokens": 12, "language": "de", "cached": True, "note": None},
        )
    )  # fmt: skip
    assert isinstance(found, Event)
    assert found.at == datetime(2026, 1, 31, 11, 0, 0, 500_000, tzinfo=UTC)
    assert (found.name, found.test, found.unit_id, found.conversation_id, found.value) == (
        "answered", "test", "ada", "c", 3.0,
    )  # fmt: skip
    assert orjson.loads(found.body) == {"tokens": 12, "language": "de", "cached": True, "note": None}


@pytest.mark.parametrize("nothing", [{}, {"value": None, "properties": None, "conversation_id": None}])
def test_what_may_be_missing_may_be_null(nothing: dict[str, Any]) -> None:
    found = read(event(**nothing))
    assert isinstance(found, Event)
    assert (found.value, found.body, found.conversation_id) == (None, b"{}", "")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"event_id": ""}, "event_id must be a text of 1 to 100"),
        ({"event_id": "x" * 101}, "event_id must be a text of 1 to 100"),
        ({"event_id": 7}, "event_id must be a text"),
        ({"event": None}, "event must be a text"),
        ({"experiment": ["test"]}, "experiment must be a text"),
        ({"unit_id": "a\0b"}, "without NUL"),
        ({"unit_id": "\ud800"}, "unit_id must be a text"),
        ({"unit_id": "u" * 201}, "unit_id must be a text of 1 to 200"),
        ({"conversation_id": 5}, "conversation_id must be a text"),
        ({"timestamp": "2026-01-31T12:00:00"}, "with its zone"),
        ({"timestamp": 1_770_000_000}, "with its zone"),
        ({"timestamp": "yesterday"}, "with its zone"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "with its zone"),
        ({"value": "3"}, "value must be a number"),
        ({"value": True}, "value must be a number"),
        ({"value": float("nan")}, "value must be a number"),
        ({"value": float("inf")}, "value must be a number"),
        ({"value": 10**400}, "value must be a number"),
        ({"value": 1e-200}, "value must be a number"),
        ({"properties": []}, "properties must be a JSON object"),
        ({"properties": "x"}, "properties must be a JSON object"),
        ({"properties": {"deep": {"er": 1}}}, "properties must be flat"),
        ({"properties": {"list": [1]}}, "properties must be flat"),
        ({"properties": {"text": "x" * 4096}}, "at most 4,096 bytes"),
        ({"properties": {"text": "a\0"}}, "without NUL"),
        ({"properties": {"text": "\ud800"}}, "properties must be a JSON object"),
        ({"event": "exposure"}, "properties.arm"),
        ({"event": "exposure", "properties": {"arm": "b"}}, "properties.arm"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, Any], reason: str) -> None:
    found = read(event(**fields))
    assert isinstance(found, Malformed)
    assert reason in found.reason


def test_an_event_that_cannot_be_read_is_named_as_far_as_it_can() -> None:
    found = read(event(event_id="7", unit_id="ada", value="three"))
    assert isinstance(found, Malformed)
    assert (found.event_id, found.test, found.unit_id) == ("7", "test", "ada")
    for raw in (None, 7, "event", [event()]):
        assert read(raw) == Malformed("", "", "", "an event is a JSON object")


def test_an_exposure_says_what_its_unit_saw() -> None:
    found = read(exposure("treatment"))
    assert isinstance(found, Event)
    assert found.arm == "treatment"


@pytest.mark.parametrize("body", [b"[]", b'{"events": []}'])
def test_a_body_is_a_list_or_an_object_with_one(body: bytes) -> None:
    assert parse(body) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"7", b'{"events": 7}', b'{"events": [], "more": 1}', b'["\xff"]', b"[NaN]"]
)
def test_any_other_body_is_refused(body: bytes) -> None:
    with pytest.raises(NotEvents):
        parse(body)


@given(st.dictionaries(st.sampled_from(["event_id", "value", "properties", "timestamp", "unit_id"]), json_values))
def test_whatever_comes_is_an_event_or_has_a_reason(fields: dict[str, Any]) -> None:
    found = read({**event(), **fields})
    assert isinstance(found, Event) or found.reason
