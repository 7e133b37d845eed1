"""What a program does to a run has its effect once, however often it is asked for."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun
from tests.api.calling import Program
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_items, make_numbered_set, make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program() -> Program:
    return Program("read", "benchmarks")


def called_run(*, errors: dict[str, str] | None = None, **fields: Any) -> BenchmarkRun:
    endpoint = make_endpoint(price_per_million_input=1, price_per_million_output=1)
    run = make_run(eval_set=make_numbered_set(n=4), model_version=make_called_model(endpoint=endpoint), **fields)
    make_items(run, errors=errors)
    return run


def out_of_budget() -> BenchmarkRun:
    run = called_run(status="paused", budget=Decimal(2), cost=Decimal("2.1"), finished_at=None)
    run.items.filter(case__external_id="4").update(state="waiting", output=None, finished_at=None)
    BenchmarkRun.objects.filter(pk=run.pk).update(n_done=3)
    return run


def test_a_run_out_of_budget_goes_on_with_a_larger_one(program: Program) -> None:
    run, key = out_of_budget(), uuid4()
    path = f"/runs/{run.pk}/steps/resume"
    refused = program.post(path, key=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "run_refused")
    assert "larger budget" in refused.json()["message"]
    first, again = (program.post(path, {"budget": "3.5"}, key=key) for _ in range(2))
    assert (first.status_code, first.json()["status"]) == (200, "running")
    assert Decimal(first.json()["budget"]) == Decimal("3.5")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert program.post(path, {"budget": 3.5}).status_code == 200
    assert program.post(path).status_code == 200
    assert program.post(path, {"budget": 9}).status_code == 409
    assert Job.objects.live().filter(kind="experiments.generate").count() == 1


def test_a_run_out_of_budget_ends_with_what_there_is(program: Program) -> None:
    run = out_of_budget()
    answers = [program.post(f"/runs/{run.pk}/steps/end") for _ in range(2)]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "scoring")] * 2
    assert program.get(f"/runs/{run.pk}/errors").json()[0]["error"] == "budget"


def test_a_retry_sent_twice_is_one_round_of_calls(program: Program) -> None:
    run, key = called_run(errors={"1": "timeout"}), uuid4()
    path = f"/runs/{run.pk}/steps/retry"
    first = program.post(path, key=key)
    assert (first.status_code, first.json()["status"], first.json()["n_errors"]) == (200, "running", 0)
    run.items.filter(state="waiting").update(state="error", error_class="timeout")
    BenchmarkRun.objects.filter(pk=run.pk).update(status="done", n_errors=1)
    assert program.post(path, key=key).content == first.content
    run.refresh_from_db()
    assert (run.status, run.n_errors) == ("done", 1)
    assert program.post(path).json()["status"] == "running"


def test_a_step_as_asked_already_is_no_error_and_another_is(program: Program) -> None:
    run = called_run(status="paused", finished_at=None)
    assert program.post(f"/runs/{run.pk}/steps/pause").json()["status"] == "paused"
    assert program.post(f"/runs/{run.pk}/steps/cancel").json()["status"] == "cancelled"
    assert program.post(f"/runs/{run.pk}/steps/cancel").json()["status"] == "cancelled"
    for step in ("pause", "resume", "end", "retry"):
        assert program.post(f"/runs/{run.pk}/steps/{step}").status_code == 409


@pytest.mark.parametrize("budget", [0, -1, "NaN", 10**9, "a lot"])
def test_a_budget_that_is_none_is_refused_at_its_field(program: Program, budget: object) -> None:
    answer = program.post(f"/runs/{out_of_budget().pk}/steps/resume", {"budget": budget})
    assert (answer.status_code, answer.json()["fields"][0]["where"]) == (422, "body.asked.budget")


def test_only_resume_takes_a_budget_and_every_step_a_key(program: Program) -> None:
    run = out_of_budget()
    answer = program.post(f"/runs/{run.pk}/steps/end", {"budget": 3})
    assert (answer.status_code, answer.json()["fields"][0]["where"]) == (422, "body.asked.budget")
    keyless = program.client.generic("POST", f"/api/v1/runs/{run.pk}/steps/end", headers=program.headers())
    assert keyless.status_code == 422
    assert "Idempotency-Key" in keyless.json()["message"]
    run.refresh_from_db()
    assert run.status == "paused"
