"""Live tests over the API."""

from typing import Any
from uuid import uuid4

import pytest

from experiments.models import LiveAmendment, LiveTest
from tests.api.calling import Program
from tests.factories.experiments_ import make_model_version
from tests.factories.live_tests_ import make_live_test, raw_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    return Program("live", "read")


def asked(**fields: Any) -> dict[str, Any]:
    arms = {"control": make_model_version().pk, "treatment": make_model_version().pk}
    return {"name": "Support bot", "key": "support-bot", **arms, "plan": raw_plan(), **fields}


def test_a_program_plans_registers_and_starts_a_test(program: Program) -> None:
    response = program.post("/live-tests", asked(start=True))
    told = response.json()
    assert response.status_code == 201
    assert (told["status"], told["plan"]["n_computed"], len(told["plan_sha256"])) == ("running", 2395, 64)
    again = program.get("/live-tests/support-bot").json()
    assert (again["plan"], again["plan_sha256"]) == (told["plan"], told["plan_sha256"])


def test_the_same_call_again_makes_nothing_more(program: Program) -> None:
    body, key = asked(), uuid4()
    first = program.post("/live-tests", body, key=key)
    again = program.post("/live-tests", body, key=key)
    assert first.json() == again.json()
    assert LiveTest.objects.count() == 1
    assert program.post("/live-tests", asked(), key=key).status_code == 409


def test_every_problem_of_a_plan_is_told_by_its_field(program: Program) -> None:
    plan = raw_plan(metrics=[{"kind": "quantile", "key": "p95", "event": "call"}], alpha=7)
    response = program.post("/live-tests", asked(plan=plan))
    assert (response.status_code, response.json()["code"]) == (422, "plan_refused")
    assert {one["where"] for one in response.json()["fields"]} == {"plan.alpha", "plan.metrics", "plan.metrics.0.q"}
    assert not LiveTest.objects.exists()


def test_a_key_in_use_is_a_conflict(program: Program) -> None:
    make_live_test(key="support-bot")
    assert program.post("/live-tests", asked()).json()["code"] == "key_reused"


def test_a_program_ramps_once_and_stops(program: Program) -> None:
    make_live_test(key="bot", routing={"split": 0.1})
    key = uuid4()
    for _ in range(2):
        told = program.post("/live-tests/bot/steps/ramp", {"split": 0.3, "reason": "It holds."}, key=key).json()
    assert told["split"] == 0.3
    assert LiveAmendment.objects.count() == 1
    assert program.post("/live-tests/bot/steps/stop", {"reason": "Enough."}).json()["status"] == "stopped"
    assert program.post("/live-tests/bot/steps/start").json()["code"] == "live_test_refused"


def test_a_split_belongs_to_ramp_alone(program: Program) -> None:
    make_live_test(key="bot")
    assert program.post("/live-tests/bot/steps/ramp", {"reason": "More."}).status_code == 422
    assert program.post("/live-tests/bot/steps/stop", {"reason": "x", "split": 0.7}).status_code == 422


def test_tests_are_listed_newest_first_and_narrowed(program: Program) -> None:
    make_live_test(key="first")
    make_live_test(key="second", status=LiveTest.Status.DRAFT)
    assert [one["key"] for one in program.get("/live-tests").json()["items"]] == ["second", "first"]
    assert [one["key"] for one in program.get("/live-tests", status="running").json()["items"]] == ["first"]


def test_another_scope_plans_nothing() -> None:
    assert Program("read").post("/live-tests", asked()).status_code == 403
    assert Program("live").get("/live-tests").status_code == 403
