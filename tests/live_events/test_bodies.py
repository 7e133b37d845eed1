"""A whole request read in one go says of each event what reading it alone says."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.live_events import Event, NotEvents, parse, read, read_body
from tests.factories.live_events_ import event, exposure

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)
times = st.datetimes(timezones=st.none() | st.timezones()).map(lambda at: at.isoformat())
fields = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.text(max_size=4) | values,
        "event": st.sampled_from(["exposure", "answered"]),
        "unit_id": st.text(min_size=1, max_size=4) | st.just("u" * 201),
        "conversation_id": values,
        "timestamp": times | values,
        "value": st.floats() | values,
        "properties": st.dictionaries(st.sampled_from(["arm", "note"]), st.just("control") | scalars) | values,
        "more": values,
    },
)


@given(st.lists(fields, max_size=3))
def test_together_and_alone_are_the_same(several: list[dict[str, Any]]) -> None:
    body = orjson.dumps([{**event(), **one} for one in several])
    assert read_body(body) == [read(raw) for raw in parse(body)]


@pytest.mark.parametrize(
    "one",
    [
        event(unit_id="a\0b"), event(properties={"text": "a\0"}), event(properties={"text": "x" * 4096}),
        event(value=1e-200), event(value=-1e-200), event(value=0), event(value=True),
        event(value=1e15), event(value=1.1e15),
        event(timestamp="2026-01-31T12:00:00"), event(timestamp="0001-01-01T00:00:00Z"), event(timestamp="yesterday"),
        event(timestamp="2026-01-31T12:00:00.1234567Z"), event(event_id="ö" * 100), event(event_id="ö" * 101),
        exposure("treatment"), exposure("b"), event("exposure"), {}, 7, None,
    ],
)  # fmt: skip
def test_what_only_one_of_them_could_overlook_is_not(one: Any) -> None:
    body = orjson.dumps([event(event_id="first"), one])
    assert read_body(body) == [read(raw) for raw in parse(body)]


@pytest.mark.parametrize("text", [rb"\u005cu0000", rb"\\u0000", rb"\u0000"])
def test_a_nul_is_seen_however_it_is_spelled(text: bytes) -> None:
    body = orjson.dumps([event(properties={"text": "here"})]).replace(b"here", text)
    assert read_body(body) == [read(raw) for raw in parse(body)]


@pytest.mark.parametrize(
    "number", [b"36893488147419103232", b"-0", b"-0.0", b"1e5", b"0.1000000000000000055511151231257827"]
)
def test_numbers_are_those_that_json_says(number: bytes) -> None:
    body = orjson.dumps([event(value=7, properties={"n": 8})]).replace(b"8}", number + b"}")
    [together] = read_body(body)
    assert isinstance(together, Event)
    assert orjson.loads(together.body) == {"n": orjson.loads(number)}


def test_an_object_around_the_list_is_read_too() -> None:
    sent = [event(event_id="1"), event(event_id="2")]
    assert read_body(orjson.dumps({"events": sent})) == read_body(orjson.dumps(sent))


@pytest.mark.parametrize(
    "body", [b"", b"[", b"7", b'["\xff"]', b"[NaN]", b'[{"value": 1e999}]', b'[{"unit_id": "\\ud800"}]']
)
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(NotEvents):
        read_body(body)
