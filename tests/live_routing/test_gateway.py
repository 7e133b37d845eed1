"""A model call is made to the endpoint of its unit's arm, once, and becomes an event whatever comes of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import DatabaseError
from django.test import override_settings
from django.utils import timezone

from experiments.endpoints.errors import CallError
from experiments.endpoints.relaying import Relayed
from experiments.models import Endpoint, EndpointSlots, EndpointState, Exposure, LiveEvent, LiveTest
from experiments.services.live_traffic import gateway, sharing
from experiments.services.live_traffic.exposures import rule
from experiments.services.live_traffic.running_tests import running
from experiments.services.runs import limits
from experiments.services.runs.limits import Wish
from experiments.services.runs.messages import AskedModel
from experiments.services.runs.pacing import OPENS_AFTER, Tally
from tests.api.calling import Program
from tests.factories.benchmarks_ import make_called_model, make_endpoint
from tests.factories.experiments_ import make_model_version
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW
from tests.running.model_server import ModelServer

pytestmark = pytest.mark.django_db

SAID = [{"role": "user", "content": "case=q1 answer=yes"}]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def program(server: ModelServer) -> Program:
    server.record.clear()
    return Program("gateway")


def make_test(server: ModelServer, *, status: str = "running") -> LiveTest:
    endpoint = make_endpoint(base_url=server.base_url, timeout_seconds=1)
    return make_live_test(
        key="bot",
        status=status,
        control=make_called_model(endpoint=endpoint, model="plain"),
        treatment=make_called_model(
            endpoint=endpoint, model="instant", system_prompt="Be kind.", prompt_template="Q: {prompt}",
            params={"temperature": 0.2, "max_tokens": 50},
        ),
    )  # fmt: skip


def unit_in(arm: str) -> str:
    test = running("bot")
    assert test
    return next(f"u{n}" for n in range(1_000) if rule(test.plan, 0.5, f"u{n}") == arm)


def ask(program: Program, unit: str, *, experiment: str = "bot", conversation: str = "", **body: Any) -> Any:
    headers = {**program.headers(), "X-Evalsite-Experiment": experiment, "X-Evalsite-Conversation": conversation}
    return program.client.post(
        "/api/v1/chat/completions", {"messages": SAID, "user": unit, **body}, content_type="application/json",
        headers=headers,
    )  # fmt: skip


def test_a_call_goes_to_the_arm_and_is_logged_with_its_latency_and_tokens(
    program: Program, server: ModelServer
) -> None:
    make_test(server)
    unit = unit_in("treatment")
    answer = ask(program, unit, conversation="c1", model="whatever", temperature=1.5, seed=7)
    assert answer.status_code == 200, answer.content
    assert answer.json()["choices"][0]["message"]["content"] == "yes"
    assert answer.json()["usage"]["completion_tokens"] == 1
    assert (answer.headers["X-Evalsite-Arm"], answer.headers["X-Evalsite-Recorded"]) == ("treatment", "true")
    assert server.record.bodies == [
        {
            "model": "instant",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Q: case=q1 answer=yes"},
            ],
            "user": unit,
            "temperature": 0.2,
            "max_tokens": 50,
            "seed": 7,
        }
    ]
    exposure = Exposure.objects.get()
    assert (exposure.unit_id, exposure.arm, exposure.source) == (unit, "treatment", "gateway")
    event = LiveEvent.objects.get()
    assert (event.name, event.unit_id, event.conversation_id) == ("gateway_call", unit, "c1")
    assert event.value is not None
    assert event.properties.items() >= {"output_tokens": 1, "failed": 0, "error": "", "finish_reason": "stop"}.items()
    assert event.properties["latency_ms"] == event.value > 0
    assert event.at >= exposure.exposed_at


def test_control_is_called_as_it_is(program: Program, server: ModelServer) -> None:
    make_test(server)
    answer = ask(program, unit_in("control"))
    assert answer.headers["X-Evalsite-Arm"] == "control"
    assert [(body["model"], body["messages"]) for body in server.record.bodies] == [("plain", SAID)]


@pytest.mark.parametrize("status", ["registered", "stopped"])
def test_while_the_test_does_not_run_control_answers_and_nothing_is_stored(
    program: Program, server: ModelServer, status: str
) -> None:
    make_test(server, status=status)
    answer = ask(program, unit_in("treatment"))
    assert (answer.status_code, answer.headers["X-Evalsite-Arm"]) == (200, "control")
    assert answer.headers["X-Evalsite-Recorded"] == "false"
    assert not Exposure.objects.exists()
    assert not LiveEvent.objects.exists()


@pytest.mark.parametrize(
    ("behave", "status", "code"),
    [
        ("500", 502, "http_5xx"),
        ("400", 400, "http_4xx"),
        ("401", 502, "http_4xx"),
        ("429_after", 429, "rate_limited"),
        ("html", 502, "malformed"),
        ("drop", 502, "refused"),
        ("hang", 504, "timeout"),
    ],
)
def test_an_error_of_the_model_keeps_its_class_and_is_logged_not_repeated(
    program: Program, server: ModelServer, behave: str, status: int, code: str
) -> None:
    make_test(server)
    answer = ask(program, "u1", messages=[{"role": "user", "content": f"case=q behave={behave}"}])
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]["code"]) == (status, code, code)
    assert answer.json()["error"]["message"] == answer.json()["message"]
    assert ("Retry-After" in answer.headers) == (behave == "429_after")
    event = LiveEvent.objects.get()
    assert (event.value, event.properties) == (None, {"error": code, "failed": 1})
    assert server.record.per_case.total() == 1


@pytest.mark.parametrize("behave", ["length", "content_filter", "empty"])
def test_an_answer_that_a_benchmark_would_not_count_is_passed_on_as_it_is(
    program: Program, server: ModelServer, behave: str
) -> None:
    make_test(server)
    answer = ask(program, "u1", messages=[{"role": "user", "content": f"case=q behave={behave}"}])
    assert answer.status_code == 200
    assert LiveEvent.objects.get().properties["failed"] == 0


def test_a_stream_is_refused_before_anybody_is_exposed(program: Program, server: ModelServer) -> None:
    make_test(server)
    answer = ask(program, "u1", stream=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "stream_not_supported")
    assert not Exposure.objects.exists()
    assert ask(program, "u1", stream=False).status_code == 200


def test_an_arm_without_an_endpoint_is_refused_for_both_arms(program: Program, server: ModelServer) -> None:
    endpoint = make_endpoint(base_url=server.base_url)
    make_live_test(key="bot", control=make_called_model(endpoint=endpoint), treatment=make_model_version())
    for arm in ("control", "treatment"):
        answer = ask(program, unit_in(arm))
        assert (answer.status_code, answer.json()["code"]) == (409, "arm_not_callable")
    assert not Exposure.objects.exists()


def run_with(endpoint: Endpoint, *, wants: int) -> Wish:
    """A run at work on the endpoint."""
    return Wish(uuid4(), wants, in_flight=0, ready=wants, starts_left=0, tokens_per_call=1.0)


def test_a_call_takes_its_slot_from_those_that_runs_share(program: Program, server: ModelServer) -> None:
    """Where a run has them all the unit is told to ask again, its arm has failed, and the run leaves one next time."""
    endpoint = make_test(server).control.endpoint
    assert endpoint
    run = run_with(endpoint, wants=endpoint.max_concurrency)
    assert limits.ask(endpoint=endpoint, wish=run, tally=Tally(), now=timezone.now()).slots == 8
    answer = ask(program, "u1")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (429, "1", "rate_limited")
    assert "ask again" in answer.json()["message"]
    assert not server.record.bodies
    assert Exposure.objects.get().unit_id == "u1"
    assert LiveEvent.objects.get().properties == {"error": "rate_limited", "failed": 1}
    assert limits.ask(endpoint=endpoint, wish=run, tally=Tally(), now=timezone.now()).slots < 8
    assert ask(program, "u1").status_code == 200
    assert [one.holder for one in EndpointSlots.objects.all()] == [run.holder]


def test_calls_keep_to_the_rate_that_runs_keep_to(program: Program, server: ModelServer) -> None:
    endpoint = make_test(server).control.endpoint
    assert endpoint
    Endpoint.objects.filter(pk=endpoint.pk).update(requests_per_minute=2)
    first, second = ask(program, "u1"), ask(program, "u1")
    assert (first.status_code, second.status_code, second.headers["Retry-After"]) == (200, 429, "30")
    assert len(server.record.bodies) == 1
    endpoint.refresh_from_db()
    wish = run_with(endpoint, wants=4)
    assert limits.ask(endpoint=endpoint, wish=wish, tally=Tally(), now=timezone.now()).starts == []


def test_what_a_call_learns_of_its_endpoint_runs_know(program: Program, server: ModelServer) -> None:
    """And an endpoint that asked for rest is not called before."""
    endpoint = make_test(server).control.endpoint
    assert endpoint
    refused = ask(program, "u1", messages=[{"role": "user", "content": "case=q behave=429_after"}])
    state = EndpointState.objects.get(endpoint=endpoint)
    assert (refused.status_code, state.concurrency) == (429, 4)
    assert state.resting_until is not None
    again = ask(program, "u1")
    assert (again.status_code, len(server.record.bodies)) == (429, 1)
    assert "rest" in again.json()["message"]


def test_a_slot_is_held_as_long_as_its_call_may_take() -> None:
    endpoint = make_endpoint(timeout_seconds=60)
    held = []

    def fails() -> Relayed:
        held.append(EndpointSlots.objects.get(endpoint=endpoint))
        raise CallError("timeout", "No answer.")

    with pytest.raises(CallError):
        sharing.call(endpoint, fails, clock=lambda: NOW)
    assert (held[0].n, held[0].lease_until) == (1, NOW + timedelta(seconds=75))
    assert not EndpointSlots.objects.exists()


def answers() -> Relayed:
    return Relayed(b"{}", 1.0, 10, 5, "stop")


def test_calls_that_were_refused_leave_the_rate_as_it_is() -> None:
    endpoint = make_endpoint(max_concurrency=1, requests_per_minute=60, tokens_per_minute=600_000)
    run = run_with(endpoint, wants=1)
    limits.ask(endpoint=endpoint, wish=replace(run, ready=0), tally=Tally(), now=NOW)
    for _ in range(3):
        with pytest.raises(CallError, match="are taken"):
            sharing.call(endpoint, answers, clock=lambda: NOW)
    state = EndpointState.objects.get(endpoint=endpoint)
    assert (state.next_request_at, state.tokens_left) == (None, 100_000)


def test_production_goes_before_a_run_that_could_hold_the_only_slot_for_hours() -> None:
    endpoint = make_endpoint(max_concurrency=1)
    run = run_with(endpoint, wants=8)
    in_flight = limits.ask(endpoint=endpoint, wish=run, tally=Tally(), now=NOW).slots
    with pytest.raises(CallError, match="are taken"):
        sharing.call(endpoint, answers, clock=lambda: NOW)
    busy = limits.ask(endpoint=endpoint, wish=replace(run, in_flight=in_flight), tally=Tally(), now=NOW)
    assert (in_flight, busy.slots) == (1, 0)
    limits.ask(endpoint=endpoint, wish=run, tally=Tally(), now=NOW)
    assert sharing.call(endpoint, answers, clock=lambda: NOW) == answers()
    assert limits.ask(endpoint=endpoint, wish=run, tally=Tally(), now=NOW).slots == 1


@pytest.mark.parametrize("error", [CallError("http_4xx", "No."), CallError("timeout", "No answer."), KeyError("ours")])
def test_a_call_without_an_answer_gives_back_the_tokens_it_was_thought_to_take(error: Exception) -> None:
    endpoint = make_endpoint(tokens_per_minute=600_000)

    def fails() -> Relayed:
        raise error

    with pytest.raises(type(error)):
        sharing.call(endpoint, fails, clock=lambda: NOW)
    assert EndpointState.objects.get(endpoint=endpoint).tokens_left == 100_000
    sharing.call(endpoint, answers, clock=lambda: NOW)
    assert EndpointState.objects.get(endpoint=endpoint).tokens_left == 100_000 - 15


def test_production_leaves_the_probe_of_a_failing_endpoint_to_its_run() -> None:
    endpoint, fails = make_endpoint(timeout_seconds=60), Tally()
    run = run_with(endpoint, wants=1)
    for _ in range(OPENS_AFTER):
        fails.failed(began=NOW, first_try=True)
    assert limits.ask(endpoint=endpoint, wish=run, tally=fails, now=NOW).calls == 0
    later = NOW + timedelta(seconds=2)
    limits.give_back(holders=[run.holder])

    def fails_too() -> Relayed:
        assert limits.ask(endpoint=endpoint, wish=run, tally=Tally(), now=later).calls == 1
        raise CallError("http_4xx", "No.")

    with pytest.raises(CallError, match="No"):
        sharing.call(endpoint, fails_too, clock=lambda: later)


def test_a_call_that_must_wait_holds_no_slot_beside_those_on_their_way() -> None:
    endpoint = make_endpoint(requests_per_minute=2)

    def asks_again() -> Relayed:
        with pytest.raises(CallError, match="limits allow"):
            sharing.call(endpoint, answers, clock=lambda: NOW)
        assert EndpointSlots.objects.get().n == 1
        return answers()

    sharing.call(endpoint, asks_again, clock=lambda: NOW)
    with pytest.raises(CallError, match="limits allow"):
        sharing.call(endpoint, answers, clock=lambda: NOW)
    assert EndpointSlots.objects.get().n == 0


def test_an_answer_is_not_lost_when_its_slot_cannot_be_given_back(program: Program, server: ModelServer) -> None:
    make_test(server)
    with patch.object(limits, "give_back", side_effect=DatabaseError):
        assert ask(program, "u1").status_code == 200


@override_settings(GATEWAY_CALLS_AT_ONCE=0)
def test_threads_are_kept_for_all_else(program: Program, server: ModelServer) -> None:
    make_test(server)
    answer = ask(program, "u1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert not Exposure.objects.exists()
    assert gateway.lanes.busy == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"user": ""}, 422),
        ({"user": "a\0b"}, 422),
        ({"messages": []}, 422),
        ({"messages": ["hello"]}, 422),
        ({"experiment": "nowhere"}, 404),
        ({"seed": 2**70}, 422),
    ],
)
def test_what_does_not_fit_is_refused(program: Program, server: ModelServer, body: Any, status: int) -> None:
    make_test(server)
    assert ask(program, **{"unit": body.pop("user", "u1"), **body}).status_code == status
    assert not server.record.bodies


def test_only_a_token_for_the_gateway_calls_models(server: ModelServer) -> None:
    make_test(server)
    assert ask(Program("events", "read", "benchmarks", "live"), "u1").status_code == 403


def messages(asked: AskedModel, *said: dict[str, Any]) -> Any:
    return gateway.messages(asked, said)


def test_instructions_of_the_version_stand_before_those_of_the_client() -> None:
    asked = AskedModel("m", "Be kind.", "Q: {prompt}")
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?", "name": "dana"}
    before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    assert messages(asked, system, *before, user) == [
        {"role": "system", "content": "Be kind.\n\nBe brief."}, *before, {**user, "content": "Q: Why?"},
    ]  # fmt: skip
    placed = AskedModel("m", "", "{system}: {prompt}")
    assert messages(placed, system, user) == [{**user, "content": "Be brief.: Why?"}]


@pytest.mark.parametrize(
    "last",
    [
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "user", "content": [{"type": "text", "text": "Look."}]},
    ],
)
def test_what_is_no_plain_text_of_the_user_stays_as_it_is(last: dict[str, Any]) -> None:
    asked = AskedModel("m", "Be kind.", "{system} Q: {prompt}")
    system = {"role": "system", "content": "Be brief."}
    assert messages(asked, system, last) == [{"role": "system", "content": "Be kind.\n\nBe brief."}, last]
