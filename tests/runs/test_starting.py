from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, Endpoint, EndpointState, EvalSet, ModelVersion
from experiments.services.runs import pausing, starting
from experiments.services.runs.starting import GENERATE, OtherRun, RunRefused
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_numbered_set
from tests.factories.experiments_ import make_eval_set, make_model_version, make_output
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


def start(
    *,
    model_version: ModelVersion | None = None,
    eval_set: EvalSet | None = None,
    run_id: UUID | None = None,
    **rest: Any,
) -> BenchmarkRun:
    return starting.start(
        run_id=run_id or uuid4(),
        model_version=model_version or make_called_model(),
        eval_set=eval_set or make_numbered_set(n=3),
        created_by=None,
        now=NOW,
        **rest,
    )


def priced_endpoint() -> Endpoint:
    return make_endpoint(price_per_million_input=Decimal(1))


def test_a_run_has_one_waiting_item_per_case_in_the_order_of_the_set() -> None:
    run = start(eval_set=make_numbered_set(n=25))
    names = run.items.order_by("pk").values_list("case__external_id", "state", "attempts")
    assert list(names) == [(str(n), "waiting", 0) for n in range(1, 26)]
    assert (run.n_cases, run.n_done, run.n_reused, run.status) == (25, 0, 0, "queued")


def test_the_same_id_again_gives_the_same_run() -> None:
    version, eval_set, run_id = make_called_model(), make_numbered_set(n=3), uuid4()
    first = start(model_version=version, eval_set=eval_set, run_id=run_id)
    assert start(model_version=version, eval_set=eval_set, run_id=run_id) == first
    assert BenchmarkRun.objects.count() == 1
    assert Job.objects.filter(kind=GENERATE).count() == 1


def test_the_same_id_for_something_else_is_refused() -> None:
    version, run_id = make_called_model(), uuid4()
    start(model_version=version, run_id=run_id)
    with pytest.raises(OtherRun):
        start(model_version=version, run_id=run_id)


def test_answers_that_stand_are_not_asked_for_again_and_errors_among_them_stay_errors() -> None:
    version, eval_set = make_called_model(), make_numbered_set(n=4)
    one, two, *_ = eval_set.cases.order_by("position")
    make_output(model_version=version, case=one)
    make_output(model_version=version, case=two, text="cut", error="truncated")
    make_output(model_version=make_called_model(), case=two)
    run = start(model_version=version, eval_set=eval_set)
    states = run.items.order_by("pk").values_list("state", "error_class", "output__text")
    assert list(states) == [
        ("done", "", "An answer."),
        ("error", "truncated", "cut"),
        ("waiting", "", None),
        ("waiting", "", None),
    ]
    assert (run.n_done, run.n_errors, run.n_reused) == (1, 1, 2)


def test_where_every_answer_stands_scoring_begins_at_once() -> None:
    version, eval_set = make_called_model(), make_numbered_set(n=1)
    make_output(model_version=version, case=eval_set.cases.get())
    run = start(model_version=version, eval_set=eval_set)
    assert run.status == "scoring"
    assert list(Job.objects.values_list("kind", flat=True)) == ["experiments.score_run"]


def test_imported_outputs_are_taken_and_those_not_there_are_missing() -> None:
    version, eval_set = make_model_version(), make_numbered_set(n=3)
    make_output(model_version=version, case=eval_set.cases.get(external_id="2"))
    run = start(model_version=version, eval_set=eval_set)
    assert dict(run.items.values_list("case__external_id", "error_class")) == {"1": "missing", "2": "", "3": "missing"}
    assert (run.status, run.n_errors) == ("scoring", 2)


def test_imported_outputs_to_another_set_are_refused() -> None:
    with pytest.raises(RunRefused, match="No output of"):
        start(model_version=make_model_version())


def test_a_second_run_of_the_same_two_waits_for_the_first() -> None:
    version, eval_set = make_called_model(), make_numbered_set(n=3)
    run = start(model_version=version, eval_set=eval_set)
    with pytest.raises(RunRefused, match="being run"):
        start(model_version=version, eval_set=eval_set)
    pausing.cancel(run=run, actor=None, now=NOW)
    assert start(model_version=version, eval_set=eval_set).status == "queued"


def test_an_empty_set_and_an_archived_endpoint_are_refused() -> None:
    with pytest.raises(RunRefused, match="has no cases"):
        start(eval_set=make_eval_set(n_cases=0, scorers=[{"scorer": "exact_match"}]))
    with pytest.raises(RunRefused, match="archived"):
        start(model_version=make_called_model(endpoint=make_endpoint(archived_at=NOW)))
    assert not BenchmarkRun.objects.exists()


@pytest.mark.parametrize(("budget", "why"), [(Decimal(0), "more than nothing"), (Decimal(-1), "more than nothing")])
def test_a_budget_is_more_than_nothing(budget: Decimal, why: str) -> None:
    with pytest.raises(RunRefused, match=why):
        start(model_version=make_called_model(endpoint=priced_endpoint()), budget=budget)


def test_a_budget_needs_prices() -> None:
    with pytest.raises(RunRefused, match="no prices"):
        start(budget=Decimal(5))
    run = start(model_version=make_called_model(endpoint=priced_endpoint()), budget=Decimal(5))
    assert run.budget == 5


def test_lanes_are_as_many_as_are_worth_a_worker(settings: Settings) -> None:
    settings.RUN_LANES = 3
    many = start(eval_set=make_numbered_set(n=200), threads=8)
    few = start(eval_set=make_numbered_set(n=20), threads=8)
    by_run = {str(run.pk): Job.objects.filter(kind=GENERATE, args__run_id=str(run.pk)).count() for run in (many, few)}
    assert by_run == {str(many.pk): 3, str(few.pk): 1}


def test_a_new_run_is_not_stopped_by_what_an_earlier_one_met() -> None:
    endpoint = make_endpoint()
    EndpointState.objects.create(
        endpoint=endpoint,
        concurrency=1,
        breaker="open",
        breaker_opened_at=NOW,
        failures_in_a_row=40,
        resting_until=NOW + timedelta(hours=20),
    )
    start(model_version=make_called_model(endpoint=endpoint))
    state = EndpointState.objects.get()
    assert (state.breaker, state.failures_in_a_row, state.resting_until) == ("closed", 0, None)
