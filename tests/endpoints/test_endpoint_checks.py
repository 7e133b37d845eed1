"""What a check says of a server, in words with the way out."""

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


def checked(endpoint: Endpoint, model: str = "") -> dict[str, Any]:
    steps: list[tuple[int, int, str]] = []
    found = endpoint_checks.run_check(
        endpoint=endpoint, model=model, now=NOW, progress=lambda *step: steps.append(step)
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
