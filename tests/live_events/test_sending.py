"""POST /api/v1/events: batches with a result per event."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import override_settings
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from experiments import tasks
from experiments.models import LiveEvent, LiveTest
from tests.api.calling import Program
from tests.factories.live_events_ import event, expose_units
from tests.factories.live_tests_ import make_live_test

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked_for_folding() -> Any:
    tasks.folding_asked.clear()
    with patch("experiments.tasks.fold_events.apply_async") as asked:
        yield asked


@pytest.fixture
def test() -> LiveTest:
    made = make_live_test(key="test")
    expose_units(made, "ada", at=timezone.now() - timedelta(hours=1))
    return made


@pytest.fixture
def program() -> Program:
    return Program("events")


def now_event(**fields: Any) -> dict[str, Any]:
    return event(at=timezone.now(), **fields)


def test_a_batch_is_answered_event_by_event(test: LiveTest, program: Program) -> None:
    sent = [now_event(event_id="1"), now_event(event_id="1", value=7), now_event(event_id="2", unit_id="nobody")]
    answer = program.post("/events", sent)
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [(one["event_id"], one["status"]) for one in results] == [
        ("1", "accepted"), ("1", "conflict"), ("2", "not_exposed"),
    ]  # fmt: skip
    assert [bool(one["reason"]) for one in results] == [False, True, True]
    assert answer.json()["counts"] == {"accepted": 1, "conflict": 1, "not_exposed": 1}
    assert LiveEvent.objects.count() == 1


def test_an_object_around_the_list_does_as_well(test: LiveTest, program: Program) -> None:
    assert program.post("/events", {"events": [now_event()]}).json()["counts"] == {"accepted": 1}
    assert program.post("/events", []).json() == {"results": [], "counts": {}}


def test_what_is_no_list_is_refused_whole(program: Program) -> None:
    for body in (b"", b"{", b'{"event_id": "1"}', b"7"):
        answer = program.send("/events", body, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_more_events_than_fit_are_refused_whole(test: LiveTest, program: Program) -> None:
    assert program.post("/events", [now_event() for _ in range(500)]).status_code == 202
    answer = program.post("/events", [now_event() for _ in range(501)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_events")
    assert LiveEvent.objects.count() == 500


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100)
def test_a_body_without_end_is_refused(program: Program) -> None:
    answer = program.post("/events", [now_event()])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_only_a_token_for_events_sends_them() -> None:
    assert Program("read", "benchmarks").post("/events", []).status_code == 403
    assert Program("events").get("/runs").status_code == 403


@override_settings(EVENTS_PER_MINUTE=10)
def test_who_sends_more_than_allowed_is_told_when_to_come_again(test: LiveTest, program: Program) -> None:
    now = timezone.now().replace(second=30)
    with patch("django.utils.timezone.now", return_value=now):
        answers = [program.post("/events", [event(at=now) for _ in range(4)]) for _ in range(4)]
    assert [one.status_code for one in answers] == [202, 202, 202, 429]
    assert answers[-1].headers["Retry-After"] == "30"
    assert LiveEvent.objects.count() == 12


def test_a_worker_is_asked_to_fold_at_most_once_a_second(
    test: LiveTest, program: Program, asked_for_folding: Any
) -> None:
    program.post("/events", [now_event(unit_id="nobody"), now_event(experiment="unknown")])
    asked_for_folding.assert_not_called()
    now = timezone.now()
    for later in (0, 0.5, 0.9, 1, 1.5):
        tasks.ask_for_folding(test.key, now=now + timedelta(seconds=later))
    assert [call.kwargs["args"] for call in asked_for_folding.call_args_list] == [(test.pk,)] * 2


def test_without_a_broker_events_are_taken_all_the_same(
    test: LiveTest, program: Program, asked_for_folding: Any
) -> None:
    asked_for_folding.side_effect = BrokerError("no broker")
    assert program.post("/events", [now_event()]).json()["counts"] == {"accepted": 1}


def test_the_description_shows_an_event(program: Program) -> None:
    described = program.client.get("/api/v1/openapi.json").json()
    body = described["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (body["maxItems"], body["items"]) == (500, {"$ref": "#/components/schemas/Event"})
    assert described["components"]["schemas"]["Event"]["required"] == [
        "event_id", "event", "experiment", "unit_id", "timestamp",
    ]  # fmt: skip
