"""The shipped suites: a first visitor finds finished benchmarks."""

from collections import Counter

import pytest
from django.core.management import call_command
from django.test import Client

from experiments.models import BenchmarkRun, EvalCase, EvalSet, Experiment, RunComparison, RunScorer, Score
from experiments.services import demo, demo_benchmarks, demo_live, demo_verdicts
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def without_live_tests_and_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs are tests of their own."""
    monkeypatch.setattr(demo_live, "EXAMPLES", ())
    monkeypatch.setattr(demo_verdicts, "EXAMPLES", ())


def rows() -> list[int]:
    kept = (BenchmarkRun.objects, EvalSet.objects, RunComparison.objects, Score.objects)
    return [manager.count() for manager in kept]


def test_both_models_are_scored_and_compared_over_both_suites_and_twice_is_once(client: Client) -> None:
    call_command("load_demo")
    before = rows()
    call_command("load_demo")
    assert rows() == before
    experiment = Experiment.objects.get(name=demo.EXPERIMENT)
    runs = BenchmarkRun.objects.filter(experiment=experiment)
    assert {run.model_version_id for run in runs} == {experiment.baseline_id, experiment.candidate_id}
    assert [run.status for run in runs] == [BenchmarkRun.Status.DONE] * 4
    assert all(one.payload for one in RunComparison.objects.filter(experiment=experiment))
    assert RunComparison.objects.filter(experiment=experiment).count() == len(demo_benchmarks.SUITES)
    tools = EvalSet.objects.get(name="Support tools")
    assert Counter(EvalCase.objects.filter(eval_set=tools).values_list("category", flat=True)) == {
        "simple": 10, "edge": 10, "adversarial": 10,
    }  # fmt: skip
    for run in runs.filter(eval_set=tools):
        [primary] = RunScorer.objects.filter(run=run, is_current=True, scorer="tool_call")
        assert {one["name"]: one["n"] for one in primary.summary["categories"]} == {
            "simple": 10, "edge": 10, "adversarial": 10,
        }  # fmt: skip
    client.force_login(make_user(roles=["lead"]))
    for run in runs:
        page = client.get(f"/runs/{run.pk}/").content.decode()
        assert "95% interval" in page
        assert "By category" in page
