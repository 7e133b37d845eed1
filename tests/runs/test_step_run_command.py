from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_items, make_numbered_set, make_run

pytestmark = pytest.mark.django_db


def step(run: BenchmarkRun, *words: str) -> str:
    out = StringIO()
    call_command("step_run", str(run.pk), *words, stdout=out)
    run.refresh_from_db()
    return out.getvalue()


def called_run(**fields: Any) -> BenchmarkRun:
    """With one error."""
    endpoint = make_endpoint(price_per_million_input=1, price_per_million_output=1)
    run = make_run(eval_set=make_numbered_set(n=3), model_version=make_called_model(endpoint=endpoint), **fields)
    make_items(run, errors={"2": "timeout"})
    return run


def test_a_run_out_of_budget_is_continued_with_a_larger_one() -> None:
    run = called_run(status="paused", budget=Decimal(1), cost=Decimal(1), finished_at=None)
    with pytest.raises(CommandError, match="larger budget"):
        step(run, "resume")
    assert f"run {run.pk}: running." in step(run, "resume", "--budget", "2")
    assert (run.status, run.budget) == ("running", Decimal(2))
    assert "Nothing was to be done" in step(run, "resume", "--budget", "2")
    assert Job.objects.live().filter(kind="experiments.generate").count() == 1


def test_a_paused_run_says_by_what_and_can_be_cancelled() -> None:
    run = called_run(status="running", finished_at=None)
    assert "Paused by the command line" in step(run, "pause")
    assert "Nothing was to be done" in step(run, "pause")
    step(run, "cancel")
    assert run.status == "cancelled"


def test_a_run_with_a_budget_is_ended_with_what_there_is() -> None:
    run = called_run(status="paused", budget=Decimal(1), finished_at=None)
    step(run, "end")
    assert run.status == "scoring"
    assert "Nothing was to be done" in step(run, "end")


def test_a_retry_under_one_key_is_one_round_of_calls() -> None:
    run, key = called_run(), str(uuid4())
    step(run, "retry", "--key", key)
    assert (run.status, run.n_errors) == ("running", 0)
    run.items.filter(state="waiting").update(state="error", error_class="timeout")
    BenchmarkRun.objects.filter(pk=run.pk).update(status="done", n_errors=1)
    assert "Nothing was to be done" in step(run, "retry", "--key", key)
    assert (run.status, run.n_errors) == ("done", 1)
    with pytest.raises(CommandError, match="used before for another step"):
        step(run, "cancel", "--key", key)
    step(run, "retry", "--key", str(uuid4()))
    assert run.status == "running"


def test_a_retry_while_one_is_under_way_is_refused() -> None:
    run = called_run()
    step(run, "retry")
    with pytest.raises(CommandError, match="when it is over"):
        step(run, "retry")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["resume", "--budget", "NaN"], "not an amount above 0"),
        (["resume", "--budget", "1e30"], "not an amount above 0"),
        (["pause", "--budget", "3"], "Only a run that is continued"),
        (["dance"], "invalid choice"),
        (["pause"], "nothing to pause"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(words: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        step(called_run(), *words)
