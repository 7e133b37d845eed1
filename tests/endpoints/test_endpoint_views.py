"""The pages of endpoints: made once, keys write-only, checks that run in a worker."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

import experiments.tasks  # noqa: F401 - registers the handlers
from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import Endpoint, EndpointState
from experiments.services import keys
from experiments.views import endpoints
from tests.endpoints.making import make_called_version, make_endpoint
from tests.factories.benchmarks_ import make_run
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_lead
from tests.running.model_server import ModelServer

pytestmark = pytest.mark.django_db
KEY = "sk-canary-9876543210"


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as made:
        yield made


def body(client: Client, url: str, **headers: Any) -> str:
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def filled(**changes: Any) -> dict[str, Any]:
    return {
        "token": uuid4(),
        "name": "house",
        "base_url": "https://api.example.com/v1",
        "max_concurrency": 8,
        "max_attempts": 5,
        "timeout_seconds": 60,
        "max_response_mb": "2",
        "currency": "USD",
        **changes,
    }


def test_an_empty_list_says_what_to_do_next(lead: Client) -> None:
    assert "Enter the first endpoint" in body(lead, "/endpoints/")
    assert "Enter an endpoint" in body(lead, "/models/new")


def test_a_form_that_is_sent_twice_makes_one_endpoint(lead: Client) -> None:
    assert "New endpoint" in body(lead, "/endpoints/new")
    data = filled(price_per_million_input="2.5", price_per_million_output="0", max_response_mb="0.5")
    first, again = lead.post("/endpoints/new", data), lead.post("/endpoints/new", data)
    made = Endpoint.objects.get()
    assert first.headers["Location"] == again.headers["Location"] == f"/endpoints/{made.pk}/"
    assert made.max_response_bytes == 512 * 1024
    assert "not checked yet" in body(lead, "/endpoints/")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "http://127.0.0.9/v1?x"}, "must have no ?"),
        ({"base_url": "http://10.0.0.1/v1"}, "10.0.0.1 is private"),
        ({"base_url": "http://2130706433/"}, "unusual spelling"),
        ({"base_url": "https://sk-key@api.example.com/v1"}, "the key has a field of its own"),
        ({"base_url": "api.example.com/v1"}, "must begin with http"),
        ({"max_concurrency": "0"}, "greater than or equal to 1"),
        ({"timeout_seconds": "99999"}, "less than or equal to 3600"),
        ({"currency": "dollars"}, "valid value"),
        ({"price_per_million_input": "1"}, "Give both prices or neither"),
        ({"price_per_million_input": "NaN", "price_per_million_output": "1"}, "Enter a number"),
        ({"name": ""}, "required"),
    ],
)
def test_bad_input_is_refused_with_its_reason(lead: Client, changes: dict[str, Any], words: str) -> None:
    response = lead.post("/endpoints/new", filled(**changes))
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Endpoint.objects.exists()


def test_a_name_that_is_taken_is_said_at_its_field(lead: Client) -> None:
    make_endpoint(name="house")
    response = lead.post("/endpoints/new", filled())
    assert response.status_code == 422
    assert "called house already" in response.content.decode()


def test_a_key_is_written_and_never_shown(lead: Client) -> None:
    endpoint = make_endpoint()
    url = f"/endpoints/{endpoint.pk}/"
    answer = lead.post(f"{url}key", {"key": f" {KEY}\n"}, follow=True).content.decode()
    endpoint.refresh_from_db()
    assert keys.key_for(endpoint) == KEY
    assert "A key is stored, encrypted" in answer
    for page in (answer, body(lead, url), body(lead, f"{url}edit"), body(lead, "/endpoints/"), body(lead, "/audit")):
        assert "canary" not in page
        assert endpoint.key_ciphertext not in page
    lead.post(f"{url}key/remove")
    endpoint.refresh_from_db()
    assert endpoint.key_ciphertext == ""


def test_a_bad_key_is_refused_and_not_sent_back(lead: Client) -> None:
    endpoint = make_endpoint()
    response = lead.post(f"/endpoints/{endpoint.pk}/key", {"key": f"{KEY} {KEY}"})
    assert response.status_code == 422
    assert "Was it copied whole" in response.content.decode()
    assert "canary" not in response.content.decode()


def test_without_field_keys_the_page_says_what_the_operator_does(lead: Client, settings: Any) -> None:
    settings.FIELD_KEYS = []
    response = lead.post(f"/endpoints/{make_endpoint().pk}/key", {"key": KEY})
    assert response.status_code == 422
    assert "The operator sets FIELD_KEYS" in response.content.decode()


def test_moving_to_another_origin_erases_the_key_and_says_so(lead: Client) -> None:
    endpoint = make_endpoint(name="house", key=KEY)
    url = f"/endpoints/{endpoint.pk}/"
    assert "with another scheme, host or port it is erased" in body(lead, f"{url}edit")
    answer = lead.post(f"{url}edit", filled(base_url="https://other.example.com/v1"), follow=True)
    assert "The key was erased" in answer.content.decode()
    endpoint.refresh_from_db()
    assert (endpoint.base_url, endpoint.key_ciphertext) == ("https://other.example.com/v1", "")


def test_a_size_nobody_touched_stays_to_the_byte(lead: Client) -> None:
    endpoint = make_endpoint(name="house", max_response_bytes=100_000)
    url = f"/endpoints/{endpoint.pk}/edit"
    for size, expected in (("0.10", 100_000), ("0.2", 209_715)):
        lead.post(url, filled(max_response_mb=size, max_concurrency=3))
        endpoint.refresh_from_db()
        assert (endpoint.max_response_bytes, endpoint.max_concurrency) == (expected, 3)


def test_an_endpoint_that_versions_call_moves_only_if_the_same_models_answer(lead: Client) -> None:
    endpoint = make_endpoint(name="house")
    make_called_version(endpoint=endpoint)
    url, data = f"/endpoints/{endpoint.pk}/edit", filled(base_url="https://other.example.com/v1")
    response = lead.post(url, data)
    assert response.status_code == 422
    assert "Say that the same models answer there" in response.content.decode()
    assert lead.post(url, filled(max_concurrency=3)).status_code == 302
    assert lead.post(url, data | {"same_models": "on"}).status_code == 302


def test_a_check_runs_in_a_worker_and_its_findings_are_shown(lead: Client, server: ModelServer) -> None:
    endpoint = make_endpoint(base_url=server.base_url)
    url = f"/endpoints/{endpoint.pk}/"
    for _ in range(2):
        assert lead.post(f"{url}check", {"model": "instant"}).status_code == 302
    assert server.record.per_case.total() == 0
    waiting = body(lead, url, **{"HX-Request": "true"})
    assert 'hx-trigger="every 1s"' in waiting
    assert "<html" not in waiting
    jobs.run(Job.objects.get().pk)
    done = body(lead, url, **{"HX-Request": "true"})
    assert "every 1s" not in done
    for words in (
        "instant answers in",
        "It tells log probabilities",
        "It calls tools",
        "4 models it lists",
        "Check again",
    ):
        assert words in done
    assert "answering" in body(lead, "/endpoints/")


def test_a_check_that_ends_while_its_page_is_read_is_shown(
    lead: Client, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_endpoint(base_url=server.base_url)
    lead.post(f"/endpoints/{endpoint.pk}/check", {"model": "instant"})
    read = endpoints.get_endpoint

    def read_and_end_the_check(endpoint_id: int) -> Endpoint:
        found = read(endpoint_id)
        jobs.run(Job.objects.get().pk)
        return found

    monkeypatch.setattr(endpoints, "get_endpoint", read_and_end_the_check)
    assert 'hx-trigger="every 1s"' in body(lead, f"/endpoints/{endpoint.pk}/")


def test_names_a_server_tells_are_text_and_nothing_else(lead: Client) -> None:
    endpoint = make_endpoint()
    findings = {"findings": [], "models": ["<script>x</script>", 'a"b'], "model": "<b>", "latency_ms": None}
    EndpointState.objects.create(endpoint=endpoint, concurrency=1, checked_at=NOW, check_findings=findings)
    page = body(lead, f"/endpoints/{endpoint.pk}/")
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    assert "model=%3Cb%3E" in page


def test_a_resting_endpoint_says_why(lead: Client) -> None:
    endpoint = make_endpoint()
    EndpointState.objects.create(endpoint=endpoint, concurrency=2.6, breaker="open", failures_in_a_row=7)
    page = body(lead, f"/endpoints/{endpoint.pk}/")
    assert "resting after 7 failures in a row" in page
    assert "8 at most, 3 now" in page


def test_an_endpoint_is_put_away_and_taken_back(lead: Client) -> None:
    endpoint = make_endpoint(key=KEY)
    url = f"/endpoints/{endpoint.pk}/"
    assert "archived and its key erased" in lead.post(f"{url}archive", follow=True).content.decode()
    assert "Use it again" in body(lead, url)
    assert "archived" in body(lead, "/endpoints/")
    lead.post(f"{url}restore")
    assert "Use it again" not in body(lead, url)


def test_an_endpoint_with_a_live_run_is_not_put_away(lead: Client) -> None:
    version = make_called_version()
    make_run(model_version=version, status="running", finished_at=None)
    answer = lead.post(f"/endpoints/{version.endpoint_id}/archive", follow=True)
    assert "A run is still calling this endpoint" in answer.content.decode()


def test_the_list_takes_as_many_queries_for_many_as_for_one(lead: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        EndpointState.objects.create(endpoint=make_endpoint(), concurrency=1)
    with django_assert_max_num_queries(6):
        body(lead, "/endpoints/")
