from io import StringIO
from uuid import uuid4

import orjson
import pytest
from django.core.management import CommandError, call_command

from experiments.models import BenchmarkRun, RunScorer
from tests.scoring.scored import answered, make_set, score

pytestmark = pytest.mark.django_db(transaction=True)


def make_run() -> BenchmarkRun:
    run = answered(make_set([{"expected": "four"}, {"expected": "six"}]), ["Four", "about six"])
    score(run)
    return run


def printed(*args: str) -> str:
    out = StringIO()
    call_command("score", *args, stdout=out)
    return out.getvalue()


def test_other_scorers_are_applied_without_a_new_call() -> None:
    run = make_run()
    attempts = run.items.values_list("attempts", flat=True)
    assert "1 of 2 passed" in printed(str(run.pk), "--scorers", "contains")
    assert set(attempts) == {0}
    kept = RunScorer.objects.filter(run=run).order_by("pk").values_list("scorer", "is_current")
    assert list(kept) == [("exact_match", False), ("contains", True)]


def test_parameters_come_as_json_and_figures_go_as_json() -> None:
    config = '[{"scorer": "exact_match", "params": {"fold_case": true}, "key": "loose", "primary": true}]'
    told = orjson.loads(printed(str(make_run().pk), "--scorers", config, "--format", "json"))
    [loose] = told["scorers"]
    assert (loose["key"], loose["n_passed"], loose["overall"]["n"]) == ("loose", 1, 2)
    assert loose["overall"]["ci_low"] > 0


def test_without_any_the_sets_own_scorers_apply() -> None:
    run = answered(make_set([{"expected": "four"}], scorers=[{"scorer": "contains"}]), ["about four"])
    score(run)
    printed(str(run.pk))
    assert RunScorer.objects.get(run=run, is_current=True).scorer == "contains"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((str(uuid4()),), "There is no run"),
        (("nonsense",), "There is no run"),
    ],
)
def test_a_run_that_is_not_there_is_named(args: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        printed(*args)


def test_a_wrong_scorer_is_refused_with_those_there_are() -> None:
    with pytest.raises(CommandError, match=r"astrology.*exact_match"):
        printed(str(make_run().pk), "--scorers", "astrology")
    with pytest.raises(CommandError, match="is no JSON"):
        printed(str(make_run().pk), "--scorers", "[{")
