"""Every misbehaviour of a model server ends in its class, and what is usable is read whatever its form."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from experiments.endpoints import errors
from experiments.endpoints.addresses import AllowList
from experiments.endpoints.chat import ChatAnswer, ChatRequest, chat, request_body, retry_after
from experiments.endpoints.client import GuardedClient
from experiments.endpoints.errors import CallError
from experiments.endpoints.replies import read_reply
from experiments.models import ErrorClass
from tests.running.misbehaviour import EXPECTED, mixed, plan_for
from tests.running.model_answers import WHOLE, Line, answer_of
from tests.running.model_server import ModelServer

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as made:
        yield made


@pytest.fixture(scope="module")
def client() -> Iterator[GuardedClient]:
    with GuardedClient(AllowList.parse(["127.0.0.1"])) as made:
        yield made


def ask(client: GuardedClient, server: ModelServer, prompt: str, *, seconds: float = 3, **changes: Any) -> ChatAnswer:
    request = ChatRequest(**{"model": "instant", "messages": [{"role": "user", "content": prompt}], **changes})
    return chat(client, server.base_url, KEY, request, deadline_seconds=seconds, max_bytes=2_000_000)


def failed(client: GuardedClient, server: ModelServer, prompt: str, **changes: Any) -> CallError:
    with pytest.raises(CallError) as raised:
        ask(client, server, prompt, **changes)
    return raised.value


def test_the_classes_here_are_those_that_are_counted() -> None:
    of_runs = {ErrorClass.BUDGET.value, ErrorClass.ENDED.value, ErrorClass.MISSING.value}
    assert set(ErrorClass.values) - of_runs == errors.ALL
    assert set(EXPECTED.values()) - {""} <= errors.ALL


@pytest.mark.parametrize("kind", [kind for kind, expected in EXPECTED.items() if expected])
def test_every_misbehaviour_ends_in_its_class(kind: str, client: GuardedClient, server: ModelServer) -> None:
    seconds = 0.3 if EXPECTED[kind] == "timeout" else 3
    error = failed(client, server, f"behave={kind} case={kind}", seconds=seconds)
    assert error.error_class == EXPECTED[kind], error.detail
    assert server.calls(kind) == 1
    assert (error.answer is not None) == (error.error_class in errors.WITH_ANSWER)
    assert KEY not in error.detail
    assert "canary" not in error.detail


@pytest.mark.parametrize("kind", [kind for kind, expected in EXPECTED.items() if not expected and kind != "refusal"])
def test_what_is_usable_is_read(kind: str, client: GuardedClient, server: ModelServer) -> None:
    assert ask(client, server, f"behave={kind} case={kind} answer=forty-two").text == "forty-two"


def test_after_any_misbehaviour_the_next_call_goes_through(client: GuardedClient, server: ModelServer) -> None:
    for kind in EXPECTED:
        if EXPECTED[kind] not in {"", "timeout"}:
            failed(client, server, f"behave={kind}")
            assert ask(client, server, "answer=fine").text == "fine"


def test_a_cut_or_filtered_answer_is_kept_beside_its_error(client: GuardedClient, server: ModelServer) -> None:
    cut = failed(client, server, "behave=length answer=half").answer
    assert cut is not None
    assert (cut.text, cut.finish_reason, cut.output_tokens) == ("half", "length", 1)
    empty = failed(client, server, "behave=null").answer
    assert empty is not None
    assert empty.text == ""


def test_a_refusal_is_an_answer_which_adversarial_suites_must_be_able_to_score(
    client: GuardedClient, server: ModelServer
) -> None:
    answer = ask(client, server, "behave=refusal")
    assert (answer.text, answer.finish_reason) == ("I cannot help with that.", "refusal")


def test_tools_logprobs_tokens_and_time_are_read(client: GuardedClient, server: ModelServer) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    called = ask(client, server, 'call=look_up args={"q": 1}', tools=tools)
    assert called.text == ""
    assert called.finish_reason == "tool_calls"
    assert called.tool_calls == [
        {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"q": 1}'}}
    ]
    measured = ask(client, server, "one two three", logprobs=True)
    assert (measured.logprobs_n, measured.logprobs_sum) == (5, -1.25)
    assert (measured.input_tokens, measured.output_tokens) == (3, 5)
    assert 0 < measured.latency_ms < 1000
    assert ask(client, server, "behave=no_usage answer=x").input_tokens is None


def test_latency_is_that_of_the_call_without_connecting(server: ModelServer) -> None:
    with GuardedClient(AllowList.parse(["127.0.0.1"])) as fresh:
        answer = ask(fresh, server, "wait=80 answer=x")
    assert 75 < answer.latency_ms < 1000


def test_the_key_is_sent_in_its_header_and_without_one_there_is_none(
    client: GuardedClient, server: ModelServer
) -> None:
    server.record.authorizations.clear()
    ask(client, server, "hello")
    assert server.record.authorizations == {f"Bearer {KEY}"}
    server.record.authorizations.clear()
    request = ChatRequest("instant", [{"role": "user", "content": "hello"}])
    chat(client, server.base_url, "", request, deadline_seconds=3, max_bytes=10_000)
    assert server.record.authorizations == set()


def test_a_server_that_refuses_the_key_and_repeats_it_is_not_quoted(client: GuardedClient) -> None:
    with ModelServer(key="another") as strict:
        error = failed(client, strict, "hello")
    assert (error.error_class, error.status) == (errors.HTTP_4XX, 401)
    assert error.detail == "The server does not accept the key (401)."


def test_what_a_server_says_of_a_bad_request_is_told(client: GuardedClient, server: ModelServer) -> None:
    error = failed(client, server, "behave=400")
    assert error.detail == "The server answered with status 400. It says: “temperature is not supported by this model”."


def test_retry_after_is_understood_in_each_of_its_forms() -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert retry_after({"retry-after": "20"}, now=now) == 20
    assert retry_after({"retry-after": "1.5"}, now=now) == 1.5
    assert retry_after({"retry-after": "0"}, now=now) == 0
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}, now=now) == 0.25
    assert retry_after({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, now=now) == 30
    assert retry_after({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, now=now) == 0
    assert retry_after({"retry-after": "99999999999"}, now=now) == 24 * 3600
    for nonsense in ("", "soon", "-3", "nan", "12 apples", "Mon, 01 Jan 99999999999 00:00:00 GMT"):
        assert retry_after({"retry-after": nonsense}, now=now) is None


def test_a_429_carries_its_rest_and_one_without_says_so(client: GuardedClient, server: ModelServer) -> None:
    assert failed(client, server, "behave=429_after").retry_after == 1
    assert failed(client, server, "behave=429").retry_after is None


def completion(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


def read(reply: Any) -> ChatAnswer:
    return read_reply(orjson.dumps(reply), latency_ms=1.0, key=KEY)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        "text",
        3,
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": {}},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": "hello"}]},
        {"choices": [{"text": "an old completion"}]},
        completion(content=5),
        completion(content={"text": "x"}),
        completion(content=[5]),
        completion(content=[{"type": "text", "text": None}]),
        completion(content=None, tool_calls=["look_up"]),
        completion(content=None, tool_calls={"name": "look_up"}),
        completion(content=None, tool_calls=[{"function": None}]),
        completion(content=None, tool_calls=[{"function": {"name": 3, "arguments": "{}"}}]),
        completion(content="a\0b"),
        completion(content=None, tool_calls=[{"function": {"name": "a\0b", "arguments": "{}"}}]),
        {"error": "the model is gone"},
        {"error": {"message": "odd", "code": "weird"}},
    ],
)
def test_a_wrong_shape_is_malformed_and_never_an_exception_of_ours(reply: Any) -> None:
    with pytest.raises(CallError) as raised:
        read(reply)
    assert raised.value.error_class == errors.MALFORMED


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"data: {}\n\n", b'"\\ud800"', b"\xff\xfe", b"NaN", b'{"choices": [', b"[" * 2000]
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(CallError) as raised:
        read_reply(body, latency_ms=1.0, key=KEY)
    assert raised.value.error_class == errors.MALFORMED


def test_forms_that_servers_differ_in_are_read_alike() -> None:
    assert read(completion(content=["a", {"type": "output_text", "text": "b"}, {"type": "thinking"}])).text == "ab"
    legacy = read(completion(content=None, function_call={"name": "f", "arguments": "{}"}))
    assert legacy.tool_calls == [{"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    objects = read(completion(content="", tool_calls=[{"id": 7, "function": {"name": "f", "arguments": {"a": [1]}}}]))
    assert objects.tool_calls == [{"id": "", "type": "function", "function": {"name": "f", "arguments": '{"a":[1]}'}}]
    none = read(completion(content=None, tool_calls=[{"function": {"name": "f"}}]))
    assert none.tool_calls == [{"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert read(completion(content="x", tool_calls=[])).tool_calls is None


@pytest.mark.parametrize("count", [-1, 2**31, 1.5, "7", True, None])
def test_a_count_of_tokens_that_is_none_is_left_out(count: Any) -> None:
    reply = {**completion(content="x"), "usage": {"prompt_tokens": count, "completion_tokens": 7}}
    answer = read(reply)
    assert (answer.input_tokens, answer.output_tokens) == (None, 7)


def test_logprobs_whose_sum_is_no_number_are_left_out() -> None:
    reply = completion(content="yes")
    reply["choices"][0]["logprobs"] = {"content": [{"logprob": -1.7e308}] * 3}
    answer = read_reply(orjson.dumps(reply), latency_ms=1, key=KEY)
    assert (answer.text, answer.logprobs_sum, answer.logprobs_n) == ("yes", None, None)


@pytest.mark.parametrize("logprob", [None, "x", float("inf"), True])
def test_logprobs_with_a_gap_are_left_out_whole(logprob: Any) -> None:
    reply = completion(content="x")
    reply["choices"][0]["logprobs"] = {"content": [{"logprob": -0.5}, {"logprob": logprob}]}
    answer = read(reply)
    assert (answer.logprobs_sum, answer.logprobs_n) == (None, None)


# The protocol's own client as a second implementation: what it sends and reads is what we send and read.


def test_our_requests_are_what_the_protocols_own_types_allow() -> None:
    request = ChatRequest(
        model="m",
        messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "p"}],
        params={"temperature": 0, "max_tokens": 5, "top_p": 0.5, "seed": 7, "stop": ["\n"]},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        logprobs=True,
    )
    sent = orjson.loads(request_body(request))
    checked = TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(sent)
    assert set(sent) == set(checked) == {"model", "messages", "temperature", "max_tokens", "top_p", "seed", "stop",
                                         "tools", "response_format", "logprobs"}  # fmt: skip


def even_if_cut(body: bytes) -> ChatAnswer:
    try:
        return read_reply(body, latency_ms=1.0, key="")
    except CallError as error:
        if error.answer is None:
            raise
        return error.answer


@pytest.mark.parametrize("kind", ["ok", "tools", "refusal", "length"])
def test_the_protocols_own_types_read_the_same_answer(kind: str) -> None:
    request = {"model": "m", "logprobs": kind == "ok"}
    if kind == "tools":
        request["tools"] = [{"type": "function", "function": {"name": "f"}}]
    whole = WHOLE[kind](answer_of(request, "case=1 answer=yes args={}" if kind != "tools" else "call=f"))
    body = whole.partition(b"\r\n\r\n")[2]
    theirs = ChatCompletion.model_validate(orjson.loads(body) | {"logprobs": None}, strict=False)
    ours = even_if_cut(body)
    said = theirs.choices[0].message
    assert ours.text == (said.content or said.refusal or "")
    assert theirs.usage is not None
    assert (ours.input_tokens, ours.output_tokens) == (theirs.usage.prompt_tokens, theirs.usage.completion_tokens)
    if said.tool_calls:
        assert ours.tool_calls == [call.model_dump() for call in said.tool_calls]
    if kind != "refusal":
        assert ours.finish_reason == theirs.choices[0].finish_reason


def test_the_mix_holds_every_kind_of_end_and_is_the_same_for_everybody() -> None:
    plans = {f"q{number}": mixed(f"q{number}", "7") for number in range(2000)}
    assert {plan.expected for plan in plans.values()} >= {
        "", "http_4xx", "http_5xx", "rate_limited", "malformed", "refused", "too_large", "empty", "truncated",
        "filtered", "timeout",
    }  # fmt: skip
    assert plans == {marker: mixed(marker, "7") for marker in plans}
    assert sum(plan.expected == "" for plan in plans.values()) > 1000


def test_a_server_that_answers_in_the_end_spoils_as_many_calls_and_loses_no_case() -> None:
    plans = [plan_for(model="passing-7", prompt="", marker=f"q{number}") for number in range(2000)]
    assert {plan.expected for plan in plans} == {""}
    assert 0.2 < sum(plan.kind not in ("ok", "slow") for plan in plans) / len(plans) < 0.3
    assert all(plan.times <= 2 for plan in plans if plan.kind not in ("ok", "slow"))


def test_a_script_is_said_word_for_word_and_its_calls_are_counted_by_model() -> None:
    call = {"name": "refund", "arguments": {"order": 7}}
    lines = {("one", "Hello"): Line("c1", "Good morning.", ()), ("two", "Hello"): Line("c1", "", (call,))}
    with ModelServer(script=lines) as scripted:
        said = [scripted.marker_of(model, "Hello") for model in ("one", "two", "three")]
    assert said == ["one:c1", "two:c1", ""]
    assert lines["one", "Hello"].message == {"role": "assistant", "content": "Good morning."}
    [made] = lines["two", "Hello"].message["tool_calls"]
    assert made["function"] == {"name": "refund", "arguments": '{"order":7}'}
