"""Rubric checks against a service on this machine that answers, refuses, hangs and talks nonsense."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from experiments.models import BenchmarkRun, Endpoint, EndpointState, RunScorer
from experiments.services import endpoints, keys
from experiments.services.scoring import webhook
from tests.factories.platform_ import NOW
from tests.scoring.scored import answered, current, make_set, score, values

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [{"expected": "good"}, {"expected": "bad"}, {"expected": "odd"}]


class Service(ThreadingHTTPServer):
    """Scores by the text; `asked` holds what it was sent, `broken` how often it fails first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.broken = 0
        self.answers: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/rubric"


class Answering(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.keys.add(self.headers.get("Authorization", ""))
        status = 200
        if self.server.broken > 0:
            self.server.broken -= 1
            status = 503
        usual = json.dumps({"score": 1 if body["response"]["text"] == "good" else 0.25, "reason": "because"})
        answer = self.server.answers.get(body["response"]["text"], usual.encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    server = Service()
    settings.ENDPOINT_ALLOWED_HOSTS = [f"127.0.0.1:{server.server_port}"]
    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.001)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    endpoints.client().close()
    server.shutdown()
    server.server_close()
    thread.join()


def asked_of(service: Service, texts: list[str | None] | None = None, **params: Any) -> BenchmarkRun:
    texts = texts or ["good", "bad", "odd"]
    run = answered(make_set([{"expected": text or "x"} for text in texts]), texts)
    score(run, [{"scorer": "rubric", "params": {"url": service.url, "rubric": "Is it kind?", **params}}, "exact_match"])
    return run


def reasons(run: BenchmarkRun) -> list[str]:
    return [one["reason"] for one in current(run, "rubric").summary["unscored"]]


def test_each_case_is_asked_once_and_its_answer_is_its_score(service: Service) -> None:
    run = asked_of(service)
    assert run.status == BenchmarkRun.Status.DONE
    assert values(current(run, "rubric")) == {"1": 1.0, "2": 0.25, "3": 0.25}
    assert current(run, "rubric").n_passed == 1
    assert len(service.asked) == 3
    assert {body["rubric"] for body in service.asked} == {"Is it kind?"}


def test_the_service_never_learns_the_model(service: Service) -> None:
    run = asked_of(service)
    told = json.dumps(service.asked)
    assert run.model_version.name not in told
    assert service.keys == {""}


def test_a_failing_service_is_asked_again_and_then_told_as_a_reason(service: Service) -> None:
    service.broken = 2
    run = asked_of(service, ["good"], threads=1)
    assert values(current(run, "rubric")) == {"1": 1.0}
    service.broken = 100
    run = asked_of(service, ["good"], threads=1)
    assert values(current(run, "rubric")) == {"1": None}
    assert reasons(run) == ["the service was not reached: it answered 503"]


def test_a_service_that_is_down_keeps_no_other_scorer_waiting_and_is_soon_let_be(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "GIVES_UP_AFTER", 4)
    service.broken = 10**6
    run = asked_of(service, ["good"] * 60, threads=2)
    assert run.status == BenchmarkRun.Status.DONE
    assert current(run).n_passed == 60
    assert current(run).finished_at
    assert current(run, "rubric").n_failed_to_score == 60
    assert len(service.asked) <= (4 + 2) * webhook.TRIES
    assert any("not asked" in reason for reason in reasons(run))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html>", "cannot be read"),
        (b"[]", "no object"),
        (b"{}", "neither score nor passed"),
        (b'{"score": 7}', "from 0 to 1"),
        (b'{"score": "a\\u0000"}', "from 0 to 1"),
        (b'{"score": 1, "x": "' + b"y" * 300_000 + b'"}', "was not reached"),
    ],
)
def test_nonsense_is_a_reason_and_no_score(service: Service, answer: bytes, words: str) -> None:
    service.answers["good"] = answer
    run = asked_of(service, ["good"])
    assert values(current(run, "rubric")) == {"1": None}
    assert words in reasons(run)[0]


def test_a_private_address_is_not_asked(service: Service, settings: Settings) -> None:
    settings.ENDPOINT_ALLOWED_HOSTS = []
    run = asked_of(service)
    assert service.asked == []
    assert run.status == BenchmarkRun.Status.DONE
    assert "was not reached" in reasons(run)[0]


def test_a_key_goes_to_its_own_origin_and_nowhere_else(service: Service, settings: Settings) -> None:
    origin = service.url.removesuffix("/rubric")
    for name, base_url in (("own", f"{origin}/v1"), ("other", "https://models.example.org/v1")):
        endpoint = Endpoint.objects.create(name=name, base_url=base_url, created_at=NOW)
        EndpointState.objects.create(endpoint=endpoint, concurrency=8)
        keys.set_key(endpoint=endpoint, key="sk-canary-123456", actor=None, now=NOW)
    run = asked_of(service, endpoint="own")
    assert service.keys == {"Bearer sk-canary-123456"}
    assert RunScorer.objects.filter(run=run, params__icontains="canary").count() == 0
    service.asked.clear()
    run = asked_of(service, endpoint="other")
    assert service.asked == []
    assert "the key of 'other' is for https://models.example.org" in reasons(run)[0]


def test_asking_again_needs_another_round(service: Service) -> None:
    run = asked_of(service, ["good"])
    rubric = {"scorer": "rubric", "params": {"url": service.url, "rubric": "Is it kind?"}}
    score(run, [rubric])
    assert len(service.asked) == 1
    score(run, [{**rubric, "params": {**rubric["params"], "round": 2}}])  # type: ignore[dict-item]
    assert len(service.asked) == 2
