"""What a check says of a server, in words with the way out."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

import experiments.tasks  # noqa: F401 - registers the handlers
from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import Endpoint, EndpointState
from experiments.services import endpoint_checks
from tests.endpoints.making import make_called_version, make_endpoint
from tests.factories.platform_ import NOW
from tests.running.model_server import ModelServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as made:
        yield made


def checked(endpoint: Endpoint, model: str = "", **more: Any) -> dict[str, Any]:
    steps: list[tuple[int, int, str]] = []
    found = endpoint_checks.run_check(
        endpoint=endpoint, model=model, now=NOW, progress=lambda *step: steps.append(step), **more
    )
    assert EndpointState.objects.get(endpoint=endpoint).check_findings == found
    return {
        finding["about"]: (finding["state"], finding["words"] + finding["way_out"]) for finding in found["findings"]
    }


def test_a_server_that_can_do_all_is_told_so(server: ModelServer) -> None:
    found = checked(make_endpoint(base_url=server.base_url), "instant")
    assert {about: state for about, (state, _) in found.items()} == {
        "models": "good",
        "answer": "good",
        "logprobs": "good",
        "tools": "good",
    }
    assert "lists 4 models" in found["models"][1]
    assert "get_weather" in found["tools"][1]
    state = EndpointState.objects.get()
    assert state.checked_at == NOW
    assert state.check_findings is not None
    assert state.check_findings["models"] == ["instant", "logprobs", "mix", "plain"]


def test_a_server_without_tools_and_logprobs_is_told_so(server: ModelServer) -> None:
    found = checked(make_endpoint(base_url=server.base_url), "plain")
    assert found["answer"][0] == "good"
    assert found["logprobs"][0] == "bad"
    assert "This model does not support logprobs" in found["logprobs"][1]
    assert "Perplexity cannot be computed" in found["logprobs"][1]
    assert found["tools"][0] == "bad"


def test_a_model_nobody_named_is_the_one_used_last_or_the_first_listed(server: ModelServer) -> None:
    endpoint = make_endpoint(base_url=server.base_url)
    checked(endpoint)
    assert {body["model"] for body in server.record.bodies} == {"instant"}
    make_called_version(endpoint=endpoint, model="logprobs")
    server.record.clear()
    checked(endpoint)
    assert {body["model"] for body in server.record.bodies} == {"logprobs"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("500", "look at its log"),
        ("html", "often ends in /v1"),
        ("drop", "server is running"),
        ("401", "Enter the key again"),
        ("404", "the model's name"),
        ("429", "Wait a minute"),
        ("big", "Allow larger answers"),
    ],
)
def test_a_server_that_fails_gets_a_reason_and_a_way_out(server: ModelServer, kind: str, words: str) -> None:
    found = checked(make_endpoint(base_url=server.base_url), kind)
    assert found["answer"][0] == "bad"
    assert words in found["answer"][1]
    assert "tools" not in found


def test_a_check_has_one_deadline_for_all_its_questions(server: ModelServer) -> None:
    endpoint, started = make_endpoint(base_url=server.base_url, timeout_seconds=60), time.monotonic()
    found = checked(endpoint, "hang", seconds=1.0)
    assert time.monotonic() - started < 3
    assert {about: state for about, (state, _) in found.items()} == {
        "models": "good",
        "answer": "open",
        "logprobs": "open",
        "tools": "open",
    }
    assert "Whether hang answers could not be told. No complete answer within" in found["answer"][1]
    assert "manage.py check_endpoint waits longer" in found["answer"][1]
    for about in ("logprobs", "tools"):
        assert "Not asked: the 1 seconds of a check were over." in found[about][1]
    assert server.record.per_case.total() == 1


def test_a_model_slower_than_its_endpoint_allows_fails_within_the_time_of_the_check(server: ModelServer) -> None:
    found = checked(make_endpoint(base_url=server.base_url, timeout_seconds=1), "hang", seconds=10.0)
    assert found["answer"][0] == "bad"
    assert "within 1 seconds" in found["answer"][1]


@pytest.mark.parametrize("kind", ["length", "empty"])
def test_an_answer_that_is_cut_or_empty_still_shows_that_the_model_answers(server: ModelServer, kind: str) -> None:
    assert checked(make_endpoint(base_url=server.base_url), kind)["answer"][0] == "good"


def test_a_wrong_address_and_an_inner_one_are_told_apart(server: ModelServer) -> None:
    wrong = checked(make_endpoint(base_url=server.base_url.removesuffix("/v1") + "/nothing"), "instant")
    assert wrong["models"][0] == "open"
    inner = checked(make_endpoint(base_url="http://10.255.255.1:9/v1"))
    assert inner["models"][0] == "bad"
    assert "ENDPOINT_ALLOWED_HOSTS: 10.255.255.1:9" in inner["models"][1]


def test_a_key_that_cannot_be_read_any_more_is_said_before_any_call(server: ModelServer, settings: Any) -> None:
    endpoint = make_endpoint(base_url=server.base_url, key="sk-test")
    settings.FIELD_KEYS = []
    found = checked(endpoint)
    assert found["key"][0] == "bad"
    assert server.record.per_case.total() == 0


def test_a_check_is_a_job_and_a_second_click_joins_it(server: ModelServer) -> None:
    endpoint = make_endpoint(base_url=server.base_url)
    first = endpoint_checks.request_check(endpoint=endpoint, model="instant", requested_by=None, now=NOW)
    again = endpoint_checks.request_check(endpoint=endpoint, model="plain", requested_by=None, now=NOW)
    assert first == again
    assert first.args == {"endpoint": endpoint.pk, "model": "instant"}
    jobs.run(first.pk)
    first.refresh_from_db()
    assert (first.status, first.error) == (Job.Status.DONE, "")
    assert (first.progress_done, first.progress_total) == (4, 4)
    assert EndpointState.objects.get().check_findings is not None


@pytest.mark.parametrize(("key", "left"), [("", ("closed", 0)), ("another key", ("open", 20))])
def test_a_good_check_forgets_the_failures_that_held_calls_back(
    server: ModelServer, key: str, left: tuple[str, int]
) -> None:
    server.key = key
    endpoint = make_endpoint(base_url=server.base_url)
    EndpointState.objects.create(
        endpoint=endpoint, concurrency=8, breaker="open", breaker_opened_at=NOW, failures_in_a_row=20
    )
    checked(endpoint, "instant")
    state = EndpointState.objects.get()
    assert (state.breaker, state.failures_in_a_row) == left
