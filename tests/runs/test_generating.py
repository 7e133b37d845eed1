"""Whole runs against a real server, in the process of the test."""

import pytest

from evalsite.platform.models import Job
from experiments.models import Attempt, Output, RunItem
from tests.factories.benchmarks_ import make_numbered_set
from tests.running.misbehaviour import mixed
from tests.running.model_server import ModelServer
from tests.runs.running import start_run, work_off

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_case_gets_its_own_answer_and_scoring_is_asked_for(server: ModelServer) -> None:
    run = work_off(start_run(server, make_numbered_set(n=100)))
    assert (run.status, run.n_done, run.n_errors) == ("scoring", 100, 0)
    for item in run.items.select_related("case", "output"):
        assert item.output is not None
        assert item.output.text == item.case.external_id
        assert (item.state, item.attempts, item.lease_token) == ("done", 1, None)
        assert item.output.latency_ms is not None
        assert 1 <= (item.output.concurrency or 0) <= 8
    assert server.record.per_case.total() == 100 == Attempt.objects.count()
    assert Job.objects.filter(kind="experiments.score_run", args={"run_id": str(run.pk)}).count() == 1
    assert run.input_tokens == sum(server.record.per_case.values()) * 2


def test_each_misbehaviour_ends_in_its_class(server: ModelServer) -> None:
    run = start_run(
        server,
        make_numbered_set(n=300),
        model="mix",
        threads=16,
        endpoint={"timeout_seconds": 1, "max_attempts": 4, "max_concurrency": 16, "max_response_bytes": 100_000},
    )
    run = work_off(run)
    assert (run.status, run.n_done + run.n_errors) == ("scoring", 300)
    found = dict(run.items.values_list("case__external_id", "error_class"))
    assert found == {str(n): mixed(str(n)).expected for n in range(1, 301)}
    assert set(found.values()) > {"", "http_5xx", "malformed", "empty", "truncated"}
    assert Attempt.objects.count() == server.record.per_case.total()
    with_text = run.items.exclude(output=None)
    assert set(with_text.values_list("error_class", flat=True)) <= {"", "empty", "truncated", "filtered"}
    assert Output.objects.count() == with_text.count()
    assert not RunItem.objects.filter(state="waiting").exists()
