"""Whatever bytes a server sends, the outcome is an answer or a CallError with words that can be shown and stored."""

import socket
import time
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from experiments.endpoints import errors
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer
from experiments.endpoints.replies import read_reply
from experiments.endpoints.targets import Target, parse
from experiments.endpoints.wire import Connection

LIMIT = 2000
PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 404 \r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 99999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"hello",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b": x\r\n",
    ]
)
SENT = st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=12).map(b"".join)


def received(data: bytes) -> tuple[int, bytes] | CallError | None:
    """None where the connection was dropped before anything came."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours)
        connection.deadline = time.monotonic() + 5
        try:
            head = connection.head()
            return head.status, connection.body(head, LIMIT)
        except CallError as error:
            return error
        except ConnectionResetError:
            return None


def fit_to_be_shown(error: CallError) -> None:
    assert error.error_class in errors.ALL
    assert len(error.detail) <= errors.LONGEST_DETAIL
    assert error.detail.isprintable()


@given(SENT)
def test_any_bytes_are_an_answer_or_an_error_of_a_known_class(data: bytes) -> None:
    outcome = received(data)
    if isinstance(outcome, CallError):
        fit_to_be_shown(outcome)
    elif outcome is not None:
        status, body = outcome
        assert 200 <= status <= 599
        assert len(body) <= LIMIT
        assert body in data or b"chunked" in data.lower()


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**40) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FUNCTION = JSON | st.fixed_dictionaries({"name": JSON, "arguments": JSON})
CALL = st.fixed_dictionaries({}, optional={"id": JSON, "function": FUNCTION})
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "content": JSON | st.lists(st.fixed_dictionaries({}, optional={"type": st.just("text"), "text": JSON})),
        "tool_calls": JSON | st.lists(CALL, max_size=2),
        "refusal": JSON,
        "function_call": JSON,
    },
)
CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "message": JSON | MESSAGE,
        "finish_reason": JSON,
        "logprobs": JSON | st.fixed_dictionaries({"content": st.lists(st.fixed_dictionaries({"logprob": JSON}))}),
    },
)
REPLY = JSON | st.fixed_dictionaries(
    {},
    optional={
        "choices": JSON | st.lists(CHOICE, max_size=2),
        "usage": JSON | st.fixed_dictionaries({"prompt_tokens": JSON, "completion_tokens": JSON}),
        "error": JSON | st.fixed_dictionaries({"message": JSON, "code": JSON}),
    },
)


def storable(answer: ChatAnswer) -> None:
    assert "\0" not in answer.text + answer.finish_reason
    assert b"\\u0000" not in orjson.dumps(answer.tool_calls).replace(b"\\\\", b"")
    assert len(answer.finish_reason) <= 50
    for count in (answer.input_tokens, answer.output_tokens, answer.logprobs_n):
        assert count is None or (type(count) is int and 0 <= count < 2**31)


def read(reply: Any) -> ChatAnswer | CallError:
    try:
        return read_reply(orjson.dumps(reply), latency_ms=1.0, key="sk-0123456789")
    except CallError as error:
        return error


@given(REPLY)
def test_any_json_is_an_answer_that_can_be_stored_or_an_error(reply: Any) -> None:
    outcome = read(reply)
    if isinstance(outcome, CallError):
        fit_to_be_shown(outcome)
        if outcome.answer is not None:
            storable(outcome.answer)
    else:
        storable(outcome)


def target_of(url: str) -> Target | CallError:
    try:
        return parse(url)
    except CallError as error:
        return error


@given(st.text(max_size=60) | st.from_regex(r"https?://[\[\]:@%.\\/a-z0-9x-]{0,40}", fullmatch=True))
def test_any_url_is_read_in_one_way_or_refused(url: str) -> None:
    target = target_of(url)
    if isinstance(target, CallError):
        assert target.error_class == errors.BLOCKED
    else:
        assert parse(f"{target.origin}{target.path}") == target
        assert set(target.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")


def test_a_detail_is_cut_to_what_is_stored() -> None:
    assert len(CallError(errors.BLOCKED, "x" * 900).detail) == errors.LONGEST_DETAIL
