from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from evalsite.platform.models import AuditEntry, Job
from experiments.models import BenchmarkRun, EndpointState
from experiments.reports.runs import lane_key
from experiments.services.runs import pausing
from experiments.services.runs.starting import GENERATE, RunRefused
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_items, make_numbered_set, make_run
from tests.factories.platform_ import NOW, make_job
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
TOMORROW = NOW + timedelta(days=1)


def act(step: str, run: BenchmarkRun, **more: Any) -> BenchmarkRun:
    pausing.STEPS[step](run=run, actor=None, now=NOW, **more)
    run.refresh_from_db()
    return run


def called_run(*, n: int = 4, errors: dict[str, str] | None = None, **fields: Any) -> BenchmarkRun:
    endpoint = make_endpoint(price_per_million_input=1)
    run = make_run(eval_set=make_numbered_set(n=n), model_version=make_called_model(endpoint=endpoint), **fields)
    make_items(run, errors=errors)
    BenchmarkRun.objects.filter(pk=run.pk).update(n_cases=n)
    return run


def wait_again(run: BenchmarkRun, *names: str) -> BenchmarkRun:
    """As if these cases had not been asked yet."""
    items = run.items.filter(case__external_id__in=names)
    n = items.update(state="waiting", output=None, error_class="", finished_at=None)
    BenchmarkRun.objects.filter(pk=run.pk).update(n_done=run.n_done - n)
    run.refresh_from_db()
    return run


def test_a_paused_run_says_by_whom_and_goes_on_with_its_lanes() -> None:
    run = wait_again(called_run(status="running", finished_at=None), "1", "2")
    pausing.pause(run=run, actor=make_lead(username="vera"), now=NOW)
    run.refresh_from_db()
    assert (run.status, run.status_reason) == ("paused", "Paused by vera.")
    act("resume", run)
    assert (run.status, run.status_reason) == ("running", "")
    assert Job.objects.live().filter(kind="experiments.generate").count() == 1


def test_continuing_forgets_the_failures_that_stopped_it() -> None:
    run = wait_again(called_run(status="paused", finished_at=None), "1")
    endpoint = run.model_version.endpoint
    assert endpoint is not None
    EndpointState.objects.create(
        endpoint=endpoint,
        concurrency=1,
        breaker="open",
        breaker_opened_at=NOW,
        failures_in_a_row=20,
        resting_until=TOMORROW,
    )
    run.items.filter(state="waiting").update(not_before=TOMORROW)
    act("resume", run)
    state = EndpointState.objects.get()
    assert (state.breaker, state.failures_in_a_row, state.resting_until) == ("closed", 0, None)
    assert run.items.get(state="waiting").not_before is None


def test_a_spent_budget_must_grow_before_the_run_goes_on() -> None:
    run = wait_again(called_run(status="paused", budget=Decimal(2), cost=Decimal("2.1"), finished_at=None), "1")
    with pytest.raises(RunRefused, match="larger budget"):
        act("resume", run)
    with pytest.raises(RunRefused, match="larger budget"):
        act("resume", run, budget=Decimal(2))
    assert act("resume", run, budget=Decimal(3)).status == "running"
    assert run.budget == 3


def test_a_run_out_of_budget_can_end_with_what_there_is() -> None:
    run = wait_again(called_run(status="paused", budget=Decimal(2), cost=Decimal(2), finished_at=None), "1", "3")
    act("end", run)
    assert (run.status, run.n_done, run.n_errors) == ("scoring", 2, 2)
    assert dict(run.items.values_list("case__external_id", "error_class")) == {
        "1": "budget",
        "2": "",
        "3": "budget",
        "4": "",
    }


def test_a_run_ended_with_money_left_does_not_say_that_it_was_spent() -> None:
    run = wait_again(called_run(status="paused", budget=Decimal(2), cost=Decimal(1), finished_at=None), "1")
    act("end", run)
    item = run.items.get(case__external_id="1")
    assert (item.error_class, item.error_detail) == ("ended", "The run was ended before this case was answered.")


def test_a_run_is_not_ended_while_a_lane_still_has_calls_in_flight() -> None:
    run = wait_again(called_run(status="paused", budget=Decimal(2), finished_at=None), "1")
    job = make_job(kind=GENERATE, key=lane_key(run.pk, 0), status="running", lease_until=NOW + SECOND)
    with pytest.raises(RunRefused, match="on their way"):
        act("end", run)
    assert run.items.filter(state="waiting").count() == 1
    # Its worker died.
    Job.objects.filter(pk=job.pk).update(lease_until=NOW - SECOND)
    assert act("end", run).status == "scoring"


def test_a_cancelled_run_keeps_its_answers_and_is_over() -> None:
    run = wait_again(called_run(status="running", finished_at=None), "1")
    act("cancel", run)
    assert (run.status, run.finished_at, run.n_done) == ("cancelled", NOW, 3)
    for step in ("pause", "resume", "cancel", "end", "retry"):
        with pytest.raises(RunRefused):
            act(step, run)


def test_errors_without_an_answer_wait_again_with_all_their_tries() -> None:
    run = called_run(errors={"1": "timeout", "2": "http_4xx", "3": "truncated"})
    kept = run.items.get(case__external_id="3")
    kept.output = run.items.filter(state="done").get().output
    kept.save()
    act("retry", run)
    states = dict(run.items.values_list("case__external_id", "state"))
    assert states == {"1": "waiting", "2": "waiting", "3": "error", "4": "done"}
    assert set(run.items.filter(state="waiting").values_list("attempts", "error_class", "error_detail")) == {
        (0, "", "")
    }
    assert (run.status, run.n_done, run.n_errors, run.finished_at) == ("running", 1, 1, None)


def test_without_such_errors_there_is_nothing_to_try_again() -> None:
    with pytest.raises(RunRefused, match="No case"):
        act("retry", called_run())
    imported = make_run()
    with pytest.raises(RunRefused, match="imported"):
        act("retry", imported)


def test_every_step_is_in_the_audit_log() -> None:
    run = wait_again(called_run(status="running", finished_at=None), "1")
    for step in ("pause", "resume", "cancel"):
        act(step, run)
    actions = AuditEntry.objects.filter(subject=str(run)).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["run.paused", "run.continued", "run.cancelled"]
