"""Client applications ask for arms: one unit or many, the same answer each time, control whenever a test is not on."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone

from evalsite.platform import event_meters
from evalsite.platform.models import ApiToken
from experiments.models import Exposure, LiveTest
from experiments.routing import assign, bucket
from tests.api.calling import Program
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    return Program("events")


@pytest.fixture
def test() -> LiveTest:
    return make_live_test(key="bot", segments=["country"])


def test_one_unit_gets_its_arm_and_keeps_it(program: Program, test: LiveTest) -> None:
    first = program.post("/assign", {"experiment": "bot", "unit_id": "u1", "attributes": {"country": "NO", "age": 4}})
    assert first.status_code == 200, first.content
    said = first.json()
    assert (said["experiment"], said["running"], said["plan_sha256"]) == ("bot", True, test.plan.sha256)
    [one] = said["assignments"]
    assert one["arm"] == assign("bot", "u1", split=0.5, salt="a1b2", version=2)
    assert one["bucket"] == bucket("bot", "u1", salt="a1b2", version=2)
    assert Exposure.objects.values_list("segment", "source").get() == ({"country": "NO"}, "assigned")
    assert program.post("/assign", {"experiment": "bot", "unit_id": "u1"}).json() == said


def test_many_units_are_answered_in_the_order_asked(program: Program, test: LiveTest) -> None:
    units = ["b", "a", "ünïcode 🦊", "b"]
    said = program.post("/assign", {"experiment": "bot", "unit_ids": units}).json()["assignments"]
    assert [one["unit_id"] for one in said] == units
    assert said[0] == said[3]
    assert Exposure.objects.count() == 3


@pytest.mark.parametrize("status", ["registered", "stopped"])
def test_a_test_that_does_not_run_gives_everybody_control_and_stores_nothing(program: Program, status: str) -> None:
    test = make_live_test(status=status)
    said = program.post("/assign", {"experiment": test.key, "unit_ids": [f"u{n}" for n in range(30)]}).json()
    assert said["running"] is False
    assert {(one["arm"], one["exposed_at"]) for one in said["assignments"]} == {("control", None)}
    assert not Exposure.objects.exists()


@pytest.mark.parametrize("key", ["nowhere", "still-a-draft"])
def test_a_test_that_is_not_registered_is_unknown(program: Program, key: str) -> None:
    make_live_test(key="still-a-draft", status="draft")
    for answer in (
        program.post("/assign", {"experiment": key, "unit_id": "u"}),
        program.get(f"/live-tests/{key}/plan"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_test")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"unit_id": "u"}, "body.asked.experiment"),
        ({"experiment": "bot"}, "body.asked"),
        ({"experiment": "bot", "unit_id": "u", "unit_ids": ["v"]}, "body.asked"),
        ({"experiment": "bot", "unit_ids": []}, "body.asked.unit_ids"),
        ({"experiment": "bot", "unit_ids": ["u"] * 1001}, "body.asked.unit_ids"),
        ({"experiment": "bot", "unit_id": ""}, "body.asked.unit_id"),
        ({"experiment": "bot", "unit_id": "u" * 201}, "body.asked.unit_id"),
        ({"experiment": "bot", "unit_id": "a\0b"}, "body.asked.unit_id"),
        ({"experiment": "bot", "unit_id": "u", "atributes": {}}, "body.asked.atributes"),
        ({"experiment": "bot", "unit_id": "u", "attributes": {"a": ["nested"]}}, "body.asked.attributes.a"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(
    program: Program, test: LiveTest, body: dict[str, object], where: str
) -> None:
    answer = program.post("/assign", body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["fields"][0]["where"].startswith(where)
    assert not Exposure.objects.exists()


def test_the_plan_for_clients_tells_neither_models_nor_metrics(program: Program, test: LiveTest) -> None:
    LiveTest.objects.update(split=0.7)
    said = program.get("/live-tests/bot/plan").json()
    assert said["routing"] == {"version": 2, "salt": "a1b2", "buckets": 10_000, "split": 0.7}
    assert (said["running"], said["unit"], said["segments"]) == (True, "user", ["country"])
    assert said["plan_sha256"] == test.plan.sha256
    for hidden in (test.control.name, test.treatment.name, "task_completed"):
        assert hidden not in str(said)


@pytest.mark.parametrize(("scopes", "status"), [(["events"], 200), (["read", "benchmarks", "live"], 403)])
def test_only_a_token_for_events_may_ask(test: LiveTest, scopes: list[str], status: int) -> None:
    program = Program(*scopes)
    assert program.post("/assign", {"experiment": "bot", "unit_id": "u"}).status_code == status
    assert program.get("/live-tests/bot/plan").status_code == status


def test_a_token_for_events_reads_no_results(program: Program) -> None:
    assert program.get("/runs").status_code == 403


@override_settings(EVENTS_PER_MINUTE=100, API_REQUESTS_PER_MINUTE=1)
def test_the_limit_counts_units_not_requests_and_says_when_to_come_back(
    program: Program, test: LiveTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All three in one minute.
    monkeypatch.setattr(timezone, "now", lambda: NOW)

    def ask(n: int) -> int:
        answer = program.post("/assign", {"experiment": "bot", "unit_ids": [f"u{number}" for number in range(n)]})
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert answer.json()["code"] == "rate_limited"
        return int(answer.status_code)

    assert [ask(60), ask(60), ask(1)] == [200, 200, 429]


def test_a_token_is_counted_by_the_second_and_over_all_processes() -> None:
    token, now = Program("events").token, timezone.now().replace(second=10)
    spend = {"token": token, "limit": 100}
    for n in range(10):
        assert event_meters.spend(n=3, now=now + timedelta(milliseconds=n), **spend)  # type: ignore[arg-type]
    token.refresh_from_db()
    assert token.events == 3
    ApiToken.objects.update(events=90)
    assert event_meters.spend(n=1, now=now + timedelta(seconds=2), **spend)  # type: ignore[arg-type]
    token.refresh_from_db()
    assert (token.events, token.last_used_at) == (118, now + timedelta(seconds=2))
    assert not event_meters.spend(n=1, now=now + timedelta(seconds=3), **spend)  # type: ignore[arg-type]
    assert event_meters.spend(n=1, now=now + timedelta(seconds=60), **spend)  # type: ignore[arg-type]
    token.refresh_from_db()
    assert token.events == 1


def test_a_revoked_token_stops_at_its_next_request(program: Program, test: LiveTest) -> None:
    body = {"experiment": "bot", "unit_id": str(uuid4())}
    assert program.post("/assign", body).status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert program.post("/assign", body).status_code == 401


ORIGIN = "https://shop.example.org"
ASKING = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}


@override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN])
def test_pages_of_a_named_origin_may_ask(program: Program, test: LiveTest) -> None:
    path = "/api/v1/assign"
    asked = program.client.options(path, headers=ASKING)
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"]
    body = {"experiment": "bot", "unit_id": "u"}
    headers = {"Origin": ORIGIN, **program.headers()}
    answer = program.client.post(path, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Expose-Headers"] == "retry-after"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN])
@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/api/v1/assign", "https://shop.example.org.evil.example"),
        ("/api/v1/assign", "http://shop.example.org"),
        ("/api/v1/assign", "null"),
        ("/api/v1/runs", ORIGIN),
        ("/api/v1/chat/completions", ORIGIN),
        ("/api/v1/live-tests", ORIGIN),
        ("/", ORIGIN),
    ],
)
def test_no_other_origin_and_no_other_address_is_opened(program: Program, path: str, origin: str) -> None:
    for answer in (
        program.client.options(path, headers={**ASKING, "Origin": origin}),
        program.client.get(path, headers={"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers
