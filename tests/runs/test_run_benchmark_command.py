from io import StringIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, EvalSet, ModelVersion
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_numbered_set
from tests.running.model_server import ModelServer

pytestmark = pytest.mark.django_db(transaction=True)


def run_benchmark(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command("run_benchmark", *arguments, stdout=out, **options)
    return out.getvalue()


def called(server: ModelServer, **fields: Any) -> ModelVersion:
    return make_called_model(endpoint=make_endpoint(base_url=server.base_url), name="bot", **fields)


def some_set(prompt: str = "case={n} answer={n}") -> EvalSet:
    return make_numbered_set(n=20, name="numbers", prompt=prompt)


def test_it_waits_without_a_worker_and_prints_the_scores(server: ModelServer) -> None:
    called(server)
    some_set("case={n} answer={n} behave=ok")
    said = run_benchmark("numbers", "bot", "--wait", "--threads", "4")
    assert "20 answered, 0 errors, 20 cases" in said
    assert "exact_match: 20 of 20 passed" in said


def test_lanes_whose_worker_died_are_taken_over(server: ModelServer) -> None:
    called(server)
    some_set("case={n} answer={n} behave=ok")
    run_id = str(uuid4())
    run_benchmark("numbers", "bot", "--run-id", run_id)
    Job.objects.update(status=Job.Status.RUNNING, deliveries=1, token=1, lease_until=timezone.now())
    assert "20 answered, 0 errors, 20 cases" in run_benchmark("numbers", "bot", "--wait", "--run-id", run_id)


def test_its_json_names_every_error_class(server: ModelServer) -> None:
    called(server)
    some_set("case={n} answer=0 behave=empty")
    told = orjson.loads(run_benchmark("numbers:1", "bot:1", "--wait", "--format", "json"))
    assert (told["status"], told["n_done"], told["n_errors"]) == ("done", 0, 20)
    assert told["errors"]["empty"] == 20
    assert told["errors"]["timeout"] == 0
    assert "exact_match" in {one["key"] for one in told["scorers"]}


def test_without_waiting_it_tells_the_run_and_the_same_id_starts_nothing_new(server: ModelServer) -> None:
    called(server)
    some_set()
    run_id = uuid4()
    for _ in range(2):
        assert f"run {run_id}: 20 cases" in run_benchmark("numbers", "bot", "--run-id", str(run_id))
    assert BenchmarkRun.objects.get().status == "queued"


def test_what_cannot_be_run_is_said_in_words(server: ModelServer) -> None:
    called(server)
    some_set()
    with pytest.raises(CommandError, match="no eval set 'letters'"):
        run_benchmark("letters", "bot")
    with pytest.raises(CommandError, match="no model version 'bot:7'"):
        run_benchmark("numbers", "bot:7")
    with pytest.raises(CommandError, match="has no prices"):
        run_benchmark("numbers", "bot", "--budget", "3")
    with pytest.raises(CommandError, match="between 1 and 64"):
        run_benchmark("numbers", "bot", "--threads", "0")


def test_a_run_that_pauses_is_an_error_with_its_reason(server: ModelServer) -> None:
    server.key = "another"
    called(server)
    make_numbered_set(n=2000, name="numbers")
    with pytest.raises(CommandError, match="does not accept the key"):
        run_benchmark("numbers", "bot", "--wait")
