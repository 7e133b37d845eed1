"""Leasing and keeping: who may, and that everything counts exactly once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from evalsite.platform.models import Job
from experiments.endpoints import errors
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer
from experiments.models import Attempt, BenchmarkRun, Output
from experiments.services.runs import keeping, leasing, pausing, starting
from experiments.services.runs.calling import Result
from experiments.services.runs.keeping import Desk, Kept
from experiments.services.runs.leasing import Leased
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_numbered_set
from tests.factories.experiments_ import make_output
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def start_run(n: int = 3, **fields: Any) -> BenchmarkRun:
    endpoint = make_endpoint(price_per_million_input=Decimal(2), price_per_million_output=Decimal(10))
    return starting.start(
        run_id=uuid4(),
        model_version=make_called_model(endpoint=endpoint),
        eval_set=make_numbered_set(n=n),
        created_by=None,
        now=NOW,
        **fields,
    )


def desk_of(run: BenchmarkRun, *, delivery: int = 1) -> Desk:
    """As the lane with this delivery of the run's first job would have it."""
    assert run.job is not None
    until = timezone.now() + timedelta(minutes=1)
    Job.objects.filter(pk=run.job.pk).update(status="running", token=delivery, lease_until=until)
    return Desk(
        run_id=run.pk,
        model_version_id=run.model_version_id,
        job_id=run.job.pk,
        delivery=delivery,
        lease=leasing.token_of(run.job.pk, delivery),
        input_price=Decimal("0.000002"),
        output_price=Decimal("0.00001"),
    )


def take(desk: Desk, n: int = 10, **fields: Any) -> list[Leased]:
    values = {"run_id": desk.run_id, "token": desk.lease, "n": n, "after": 0, "now": timezone.now()}
    return leasing.take(**{**values, **fields})


def answer(text: str = "fine", **fields: Any) -> ChatAnswer:
    values: dict[str, Any] = {
        "text": text,
        "tool_calls": None,
        "finish_reason": "stop",
        "input_tokens": 10,
        "output_tokens": 4,
        "logprobs_sum": None,
        "logprobs_n": None,
        "latency_ms": 12.5,
    }
    return ChatAnswer(**{**values, **fields})


def answered(items: Sequence[Leased], **fields: Any) -> list[dict[str, Any]]:
    results = [Result(item, timezone.now(), 20.0, 3, answer=answer(f"to {item.case_id}", **fields)) for item in items]
    return [keeping.row_of(result, not_before=None) for result in results]


def failed(item: Leased, error: CallError, *, again: bool) -> list[dict[str, Any]]:
    result = Result(item, timezone.now(), 20.0, 3, answer=error.answer, error=error)
    return [keeping.row_of(result, not_before=timezone.now() + timedelta(seconds=5) if again else None)]


def keep(desk: Desk, rows: list[dict[str, Any]]) -> Kept:
    return keeping.keep(desk, rows, now=timezone.now())


def test_two_lanes_never_lease_the_same_case() -> None:
    desk = desk_of(start_run(n=6))
    other = replace(desk, lease=uuid4())
    first, second = take(desk, 4), take(other, 4)
    assert [len(first), len(second)] == [4, 2]
    assert not {item.item_id for item in first} & {item.item_id for item in second}


def test_a_group_is_stored_with_outputs_attempts_counters_tokens_and_cost() -> None:
    run = start_run()
    desk = desk_of(run)
    items = take(desk)
    kept = keep(desk, answered(items))
    assert (kept.is_ours, kept.n_left, kept.items) == (True, 0, frozenset(item.item_id for item in items))
    run.refresh_from_db()
    assert (run.n_done, run.n_errors, run.input_tokens, run.output_tokens) == (3, 0, 30, 12)
    assert run.cost == Decimal("0.00018")
    for item in run.items.select_related("output"):
        assert item.output is not None
        assert (item.output.text, item.output.case_id, item.output.latency_ms) == (
            f"to {item.case_id}",
            item.case_id,
            12.5,
        )
    assert Attempt.objects.filter(error_class="", status_code=200, concurrency=3).count() == 3


def test_what_a_model_says_is_stored_unharmed() -> None:
    run = start_run(n=1)
    desk = desk_of(run)
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\u0000 \\" é"}'}}]
    text = "a 'quote', \"two\", %s {} \\ \n\t 😀 \u2028 é"
    [row] = answered(take(desk), tool_calls=calls, logprobs_sum=-1.5, logprobs_n=3)
    keep(desk, [{**row, "text": text}])
    output = Output.objects.get()
    assert (output.text, output.tool_calls, output.logprobs_sum, output.logprobs_n) == (text, calls, -1.5, 3)


def test_the_same_group_kept_twice_counts_once() -> None:
    run = start_run()
    desk = desk_of(run)
    rows = answered(take(desk))
    assert len(keep(desk, rows).items) == 3
    assert keep(desk, rows).items == frozenset()
    run.refresh_from_db()
    assert (run.n_done, Output.objects.count(), Attempt.objects.count()) == (3, 3, 3)


def test_a_zombies_late_results_are_refused() -> None:
    run = start_run()
    zombie = desk_of(run)
    rows = answered(take(zombie))
    heir = desk_of(run, delivery=2)
    assert not keep(zombie, rows).is_ours
    assert Output.objects.count() == Attempt.objects.count() == 0
    leasing.release(run_id=run.pk, tokens=leasing.tokens_before(heir.job_id, heir.delivery))
    assert len(keep(heir, answered(take(heir))).items) == 3


def test_a_case_whose_lease_ran_out_and_went_to_another_lane_is_kept_for_that_lane_alone() -> None:
    run = start_run(n=2)
    slow, quick = desk_of(run), replace(desk_of(run), lease=uuid4())
    rows = answered(take(slow))
    later = timezone.now() + leasing.LEASE + timedelta(seconds=1)
    assert len(take(quick, 1, now=later)) == 1
    kept = keep(slow, rows)
    assert (kept.is_ours, len(kept.items)) == (True, 1)
    assert run.items.filter(state="waiting", lease_token=quick.lease).count() == 1


def test_a_lane_whose_cases_all_went_to_others_still_holds_its_job() -> None:
    run = start_run(n=2)
    desk = desk_of(run)
    rows = answered(take(desk))
    run.items.update(lease_token=uuid4())
    kept = keep(desk, rows)
    assert (kept.is_ours, kept.items, kept.n_left) == (True, frozenset(), 2)


def test_a_failed_try_is_kept_with_its_case_still_ours_and_the_end_of_its_back_off() -> None:
    run = start_run(n=1)
    desk = desk_of(run)
    [item] = take(desk)
    kept = keep(desk, failed(item, CallError(errors.HTTP_5XX, "busy", status=503), again=True))
    assert (kept.n_left, len(kept.items)) == (1, 1)
    found = run.items.get()
    assert (found.state, found.attempts, found.error_detail, found.lease_token) == ("waiting", 1, "busy", desk.lease)
    leasing.release(run_id=run.pk, tokens=[desk.lease])
    assert take(desk) == []
    [again] = take(desk, now=timezone.now() + timedelta(seconds=6))
    assert again.attempts == 1


def test_an_error_of_the_answer_is_an_error_with_the_answer_that_shows_it() -> None:
    run = start_run(n=2)
    desk = desk_of(run)
    cut, broken = take(desk)
    keep(desk, failed(cut, CallError(errors.TRUNCATED, "cut off", answer=answer("half a")), again=False))
    keep(desk, failed(broken, CallError(errors.HTTP_4XX, "no " * 400, status=400), again=False))
    found = run.items.order_by("pk").values_list("state", "error_class", "output__text", "output__error")
    assert list(found) == [("error", "truncated", "half a", "truncated"), ("error", "http_4xx", None, None)]
    run.refresh_from_db()
    assert (run.n_errors, run.input_tokens) == (2, 10)


def test_an_output_that_another_run_stored_meanwhile_stands() -> None:
    run = start_run(n=2)
    desk = desk_of(run)
    rows = answered(take(desk))
    standing = make_output(model_version=run.model_version, case=run.eval_set.cases.get(external_id="1"), text="first")
    assert len(keep(desk, rows).items) == 2
    first, second = run.items.select_related("output").order_by("pk")
    assert first.output == standing
    assert second.output is not None
    assert second.output.text == f"to {second.case_id}"
    assert (Output.objects.count(), Attempt.objects.count()) == (2, 2)


def test_keeping_and_ending_a_run_early_do_not_wait_for_each_other() -> None:
    """Both lock the run before its items."""
    run = start_run(n=2, budget=Decimal(5))
    desk = desk_of(run)
    rows = answered(take(desk))
    Job.objects.update(lease_until=NOW)
    BenchmarkRun.objects.filter(pk=run.pk).update(status="paused")
    with transaction.atomic():
        pausing.end_here(run=run, actor=None, now=NOW)
    assert keep(desk, rows).items == frozenset()
    run.refresh_from_db()
    assert (run.n_done, run.n_errors, run.status) == (0, 2, "scoring")
