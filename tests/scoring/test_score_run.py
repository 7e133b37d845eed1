import random
from typing import Any

import pytest
from django.db import connection

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, RunItem, RunScorer, Score
from experiments.scorers import registry
from experiments.scorers.base import Case, Judge, Response, Scorer, ScoreResult
from experiments.services.scoring import choosing, running
from experiments.stats.proportions import wilson_interval
from tests.factories.platform_ import NOW
from tests.scoring.scored import answered, current, deliver, make_set, score, values

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [{"expected": "4", "category": "sums"}, {"expected": "6", "category": "sums"}, {"expected": "x"}]


def test_each_answer_gets_its_value_and_the_run_is_done() -> None:
    run = answered(make_set(CASES), ["4", "7", "x"])
    job = score(run)
    assert job.status == Job.Status.DONE, job.error
    assert run.status == BenchmarkRun.Status.DONE
    assert run.finished_at
    assert values(current(run)) == {"1": 1.0, "2": 0.0, "3": 1.0}


def test_an_error_has_no_score_and_is_in_no_rate() -> None:
    run = answered(make_set(CASES), ["4", None, "x"])
    score(run)
    scorer = current(run)
    assert values(scorer) == {"1": 1.0, "3": 1.0}
    assert (scorer.n_scored, scorer.n_passed) == (2, 2)
    assert scorer.summary["overall"]["n"] == 2


def test_the_summary_holds_wilsons_interval_overall_and_by_category() -> None:
    run = answered(make_set(CASES), ["4", "7", "x"])
    score(run)
    summary = current(run).summary
    whole, sums = wilson_interval(2, 3), wilson_interval(1, 2)
    assert (summary["overall"]["ci_low"], summary["overall"]["ci_high"]) == (whole.ci_low, whole.ci_high)
    by_name = {entry["name"]: entry for entry in summary["categories"]}
    assert by_name["sums"]["overall"]["ci_low"] == sums.ci_low
    assert (by_name["sums"]["n"], by_name["sums"]["n_passed"]) == (2, 1)
    assert by_name["(none)"]["n"] == 1


def test_cases_of_one_cluster_widen_the_interval() -> None:
    rng = random.Random(5)
    rights = [rng.random() < 0.5 for _ in range(20)]
    rows = [{"expected": "yes", "cluster": f"c{place // 5}"} for place in range(100)]
    run = answered(make_set(rows), ["yes" if rights[place // 5] else "no" for place in range(100)])
    score(run)
    overall, naive = current(run).summary["overall"], wilson_interval(5 * sum(rights), 100)
    assert naive.ci_low is not None
    assert naive.ci_high is not None
    assert overall["estimate"] == pytest.approx(naive.estimate)
    assert overall["ci_high"] - overall["ci_low"] > 1.8 * (naive.ci_high - naive.ci_low)


def test_a_delivery_twice_writes_nothing_twice() -> None:
    run = answered(make_set(CASES), ["4", "7", "x"])
    score(run)
    before = list(Score.objects.values())
    deliver(running.start(run=run, created_by=None, now=NOW), run)
    BenchmarkRun.objects.filter(pk=run.pk).update(status=BenchmarkRun.Status.SCORING)
    RunScorer.objects.update(finished_at=None)
    deliver(running.start(run=run, created_by=None, now=NOW), run)
    assert list(Score.objects.values()) == before
    assert run.status == BenchmarkRun.Status.DONE


class Killed(BaseException):
    """The worker is gone."""


def test_a_killed_scoring_goes_on_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"expected": str(place)} for place in range(500)]
    run = answered(make_set(rows), [str(place if place % 3 else -1) for place in range(500)])
    choosing.attach(run=run, scorers=choosing.chosen(["exact_match"]))
    judged_after: list[str] = []

    def dying(after: int) -> Judge:
        def judge(case: Case, response: Response) -> ScoreResult:
            if len(judged_after) >= after:
                raise Killed
            judged_after.append(case.expected)
            return registry.get("exact_match").bind({})(case, response)

        return judge

    monkeypatch.setattr(running, "judge_of", lambda _: dying(350))
    job = running.start(run=run, created_by=None, now=NOW)
    with pytest.raises(Killed):
        jobs.run(job.pk)
    assert Score.objects.count() == 200
    Job.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED)
    judged_after.clear()
    monkeypatch.setattr(running, "judge_of", lambda _: dying(10_000))
    deliver(job, run)
    assert len(judged_after) == 300
    assert Score.objects.count() == 500
    assert sum(value == 1 for value in values(current(run)).values()) == sum(place % 3 > 0 for place in range(500))


def test_cases_answered_after_the_scoring_are_scored_when_it_runs_again() -> None:
    run = answered(make_set(CASES), ["4", None, "x"])
    score(run)
    item = run.items.get(state=RunItem.State.ERROR)
    other = answered(run.eval_set, ["4", "6", "x"]).items.get(case=item.case)
    RunItem.objects.filter(pk=item.pk).update(state="done", error_class="", output=other.output_id)
    BenchmarkRun.objects.filter(pk=run.pk).update(n_done=3, n_errors=0, status=BenchmarkRun.Status.SCORING)
    deliver(running.start(run=run, created_by=None, now=NOW), run)
    assert values(current(run)) == {"1": 1.0, "2": 1.0, "3": 1.0}
    assert current(run).summary["overall"]["n"] == 3


def stub(judge: Judge, **fields: object) -> Scorer:
    values = {"name": "stub", "version": 1, "title": "Stub", "summary": "", "applies": lambda case: True} | fields
    return Scorer(**values, make=lambda params: judge)  # type: ignore[arg-type]


def test_what_cannot_be_scored_is_counted_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = lambda case, response: ScoreResult(None, reason="no log-probabilities")  # noqa: E731
    monkeypatch.setitem(registry.SCORERS, "stub", stub(judge))
    run = answered(make_set(CASES), ["4", "7", None])
    score(run, ["stub"])
    scorer = current(run, "stub")
    assert (scorer.n_scored, scorer.n_failed_to_score, scorer.n_passed) == (0, 2, 0)
    assert scorer.summary["overall"]["estimate"] is None
    assert scorer.summary["overall"]["warnings"]
    assert scorer.summary["unscored"] == [{"reason": "no log-probabilities", "n": 2}]


@pytest.mark.parametrize("awkward", ["a\0b", "\ud800", 10**40, float("nan"), {"\0": ["\0"]}])
def test_whatever_a_response_parses_to_can_be_kept_as_detail(monkeypatch: pytest.MonkeyPatch, awkward: object) -> None:
    judge = lambda case, response: ScoreResult(0.0, passed=False, detail={"found": awkward})  # noqa: E731
    monkeypatch.setitem(registry.SCORERS, "stub", stub(judge))
    run = answered(make_set(CASES), ["4", "7", "x"])
    job = score(run, ["stub"])
    assert job.status == Job.Status.DONE, job.error
    assert Score.objects.filter(detail__has_key="found").count() == 3


def test_a_mean_has_an_interval_and_a_time_its_quantiles(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = lambda case, response: ScoreResult(float(case.expected))  # noqa: E731
    monkeypatch.setitem(registry.SCORERS, "stub", stub(judge, unit="ms", has_pass_mark=False, higher_is_better=False))
    rows = [{"expected": str(place)} for place in range(1, 101)]
    run = answered(make_set(rows), ["."] * 100)
    score(run, ["stub"])
    summary = current(run, "stub").summary
    assert summary["overall"]["estimate"] == 50.5
    assert summary["overall"]["ci_low"] < 50.5 < summary["overall"]["ci_high"]
    assert current(run, "stub").n_passed is None
    [median, *_, extreme] = summary["quantiles"]
    assert (median["name"], median["estimate"]) == ("P50", 50)
    assert median["ci_low"] < 50 < median["ci_high"]
    assert (extreme["name"], extreme["ci_low"]) == ("P99", None)
    assert extreme["warnings"]


def test_a_figure_of_the_whole_set_is_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    def ratio(results: "list[ScoreResult]") -> float:
        return float(sum(one.detail["top"] for one in results) / sum(one.detail["bottom"] for one in results))

    judge = lambda case, response: ScoreResult(1.0, detail={"top": int(case.expected), "bottom": 100})  # noqa: E731
    monkeypatch.setitem(registry.SCORERS, "stub", stub(judge, has_pass_mark=False, aggregate=ratio))
    run = answered(make_set([{"expected": str(place)} for place in range(40, 61)]), ["."] * 21)
    score(run, ["stub"])
    overall = current(run, "stub").summary["overall"]
    assert overall["estimate"] == pytest.approx(0.5)
    assert 0.46 < overall["ci_low"] < 0.5 < overall["ci_high"] < 0.54


def test_a_scorer_that_is_gone_in_this_version_ends_the_run_with_the_way_out() -> None:
    run = answered(make_set(CASES), ["4", "7", "x"])
    choosing.attach(run=run, scorers=choosing.chosen(["exact_match"]))
    RunScorer.objects.update(version=77)
    job = deliver(running.start(run=run, created_by=None, now=NOW), run)
    assert job.status == Job.Status.FAILED
    assert run.status == BenchmarkRun.Status.FAILED
    assert "version 77" in run.status_reason


def test_queries_do_not_grow_with_the_cases() -> None:
    counts = []
    for size in (10, 150):
        run = answered(make_set([{"expected": str(number)} for number in range(size)]), ["4"] * size)
        asked: list[str] = []

        def watch(execute: Any, sql: str, *rest: Any, seen: list[str] = asked) -> Any:
            seen.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(watch):
            score(run)
        assert run.status == BenchmarkRun.Status.DONE
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0
