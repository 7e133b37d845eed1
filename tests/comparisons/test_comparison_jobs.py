"""A comparison is asked for once, computed in a job, and computed again when a run was rescored."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments import tasks
from experiments.models import BenchmarkRun, CaseChange, ExperimentSuite, RunComparison
from experiments.reports.comparisons.listing import suite_rows
from experiments.services import comparisons, suites
from experiments.services.comparisons import CannotCompare
from experiments.services.scoring import rescoring
from experiments.services.scoring.choosing import chosen
from tests.comparisons.gsm8k import make_gsm8k, make_gsm8k_run
from tests.factories.benchmarks_ import make_run, make_run_scorer, make_scored_run, make_scores
from tests.factories.experiments_ import make_eval_set, make_experiment
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db
HANDLERS = (tasks.compare_runs, tasks.score_run)
LATER = NOW + timedelta(minutes=5)


def two_runs(n: int = 4) -> tuple[BenchmarkRun, BenchmarkRun]:
    eval_set = make_eval_set(n_cases=n, category="all")
    before = make_scored_run(eval_set=eval_set, values=[1.0] * n)
    after = make_scored_run(eval_set=eval_set, values=[0.0] + [1.0] * (n - 1))
    return before, after


def ask(before: BenchmarkRun, after: BenchmarkRun, **fields: Any) -> RunComparison:
    values = {"created_by": None, "now": NOW, **fields}
    return comparisons.get_or_start(baseline_run=before, candidate_run=after, **values)


def computed(before: BenchmarkRun, after: BenchmarkRun, **fields: Any) -> RunComparison:
    asked = ask(before, after, **fields)
    return comparisons.compute(comparison_id=asked.pk, now=NOW, guard=lambda: None)


def test_asking_twice_makes_one_comparison_and_one_job() -> None:
    runs = two_runs()
    first, second = ask(*runs), ask(*runs, created_by=make_user(roles=["lead"]))
    assert first.pk == second.pk
    assert first.job_id == second.job_id
    assert Job.objects.filter(kind=comparisons.COMPARE_RUNS).count() == 1


def test_the_job_computes_it_and_leaves_nothing_to_do() -> None:
    asked = ask(*two_runs())
    jobs.run(asked.job_id)  # type: ignore[arg-type]
    asked.refresh_from_db()
    assert asked.job is not None
    assert asked.job.status == Job.Status.DONE, asked.job.error
    assert asked.payload is not None
    assert not comparisons.is_stale(asked)
    again = ask(asked.baseline_run, asked.candidate_run)
    assert again.job_id == asked.job_id
    assert Job.objects.count() == 1


def test_cases_that_changed_are_kept_with_category_and_values() -> None:
    comparison = computed(*two_runs())
    [change] = CaseChange.objects.filter(comparison=comparison)
    assert (change.kind, change.position, change.category) == (CaseChange.Kind.REGRESSION, 0, "all")
    assert (change.baseline_value, change.candidate_value) == (1.0, 0.0)


def test_computing_twice_keeps_each_change_once() -> None:
    comparison = computed(*two_runs())
    comparisons.compute(comparison_id=comparison.pk, now=LATER, guard=lambda: None)
    assert CaseChange.objects.count() == 1


def test_a_run_is_not_compared_with_itself() -> None:
    run, _ = two_runs()
    with pytest.raises(CannotCompare, match="two different runs"):
        ask(run, run)


def test_other_versions_are_refused_with_the_way_out() -> None:
    before, _ = two_runs()
    after = make_scored_run(eval_set=make_eval_set(n_cases=4), values=[1, 1, 1, 1])
    with pytest.raises(CannotCompare, match="run one of the models over the other's version first"):
        ask(before, after)
    assert not RunComparison.objects.exists()


def test_a_run_that_is_not_done_is_refused() -> None:
    before, _ = two_runs()
    after = make_run(eval_set=before.eval_set, status=BenchmarkRun.Status.RUNNING)
    with pytest.raises(CannotCompare, match="candidate's run is running"):
        ask(before, after)


def test_rescoring_makes_it_stale_and_the_beat_computes_it_again() -> None:
    comparison = computed(*two_runs())
    Job.objects.update(status=Job.Status.DONE)
    assert comparisons.start_due(now=LATER) == 0
    run = comparison.candidate_run
    run.scorers.update(is_current=False)
    other = make_run_scorer(run, scorer="contains", finished_at=NOW + timedelta(minutes=1))
    make_scores(other, [1, 1, 1, 1])
    comparison.refresh_from_db()
    assert comparisons.is_stale(comparison)
    assert comparisons.start_due(now=LATER) == 1
    assert Job.objects.filter(status=Job.Status.QUEUED, kind=comparisons.COMPARE_RUNS).count() == 1
    assert ask(comparison.baseline_run, run).job_id != comparison.job_id


def test_a_run_that_ended_again_with_the_same_scores_is_looked_at_once() -> None:
    comparison = computed(*two_runs())
    Job.objects.update(status=Job.Status.DONE)
    BenchmarkRun.objects.update(finished_at=NOW + timedelta(minutes=1))
    assert comparisons.start_due(now=LATER) == 0
    comparison.refresh_from_db()
    assert comparison.computed_at == NOW


def score(run: BenchmarkRun, *scorers: dict[str, Any]) -> None:
    job = rescoring.rescore(run=run, scorers=chosen(scorers), actor=None, now=LATER)
    jobs.run(job.pk)
    run.refresh_from_db()
    assert run.status == BenchmarkRun.Status.DONE, run.status_reason


EXACT, CONTAINS = {"scorer": "exact_match"}, {"scorer": "contains"}


@pytest.mark.parametrize("then", [[EXACT, {**CONTAINS, "primary": True}], [EXACT]])
def test_another_primary_scorer_or_one_less_has_the_comparison_computed_again(then: list[dict[str, Any]]) -> None:
    runs = two_runs()
    for run in runs:
        score(run, EXACT, CONTAINS)
    computed(*runs)
    Job.objects.update(status=Job.Status.DONE)
    for scorers in (then, [EXACT, CONTAINS]):
        score(runs[1], *scorers)
        [job] = Job.objects.filter(status=Job.Status.QUEUED, kind=comparisons.COMPARE_RUNS)
        jobs.run(job.pk)
        assert not comparisons.is_stale(RunComparison.objects.get())


def test_what_was_computed_by_another_version_of_the_code_is_renewed() -> None:
    comparison = computed(*two_runs())
    Job.objects.update(status=Job.Status.DONE)
    RunComparison.objects.update(source="as computed before")
    assert comparisons.start_due(now=LATER) == 1
    jobs.run(RunComparison.objects.get().job_id)  # type: ignore[arg-type]
    Job.objects.update(status=Job.Status.DONE)
    assert comparisons.start_due(now=LATER) == 0
    assert not comparisons.is_stale(RunComparison.objects.get(pk=comparison.pk))


def test_each_experiment_judges_the_same_runs_by_its_own_margin() -> None:
    first = make_experiment(n_cases=3, role="general")
    eval_set = first.suites.get().eval_set
    second = make_experiment(baseline=first.baseline, candidate=first.candidate)
    ExperimentSuite.objects.create(experiment=second, eval_set=eval_set, role="general", margin=0.2)
    for model in (first.baseline, first.candidate):
        make_scored_run(eval_set=eval_set, model_version=model, values=[1, 1, 0])
    assert comparisons.start_due(now=NOW) == 2
    for experiment, words in ((first, "5 points"), (second, "20 points")):
        [one] = RunComparison.objects.filter(experiment=experiment)
        found = comparisons.compute(comparison_id=one.pk, now=NOW, guard=lambda: None)
        assert found.payload is not None
        assert found.payload["regression"]["words"] == words
        [row] = suite_rows(experiment, list(experiment.suites.filter(eval_set=eval_set)))
        assert row.comparison == one
    Job.objects.update(status=Job.Status.DONE)
    assert comparisons.start_due(now=NOW) == 0


def test_a_comparison_that_failed_is_not_tried_again_by_itself() -> None:
    comparison = computed(*two_runs())
    make_scores(make_run_scorer(comparison.candidate_run, scorer="contains", finished_at=LATER), [1, 1, 1, 1])
    Job.objects.update(status=Job.Status.FAILED)
    assert comparisons.start_due(now=LATER) == 0
    Job.objects.update(status=Job.Status.DONE)
    assert comparisons.start_due(now=LATER) == 1


def test_the_latest_finished_runs_of_a_suite_are_compared_by_themselves() -> None:
    experiment = make_experiment(n_cases=3, role="general")
    [suite] = experiment.suites.select_related("eval_set")
    models = (experiment.baseline, experiment.candidate)
    assert comparisons.start_due(now=NOW) == 0
    make_scored_run(
        eval_set=suite.eval_set, model_version=models[0], values=[0, 0, 0], finished_at=NOW - timedelta(days=1)
    )
    latest = [make_scored_run(eval_set=suite.eval_set, model_version=model, values=[1, 1, 0]) for model in models]
    assert comparisons.start_due(now=NOW) == 1
    assert comparisons.start_due(now=NOW) == 0
    [comparison] = RunComparison.objects.select_related("baseline_run", "candidate_run")
    assert [comparison.baseline_run, comparison.candidate_run] == latest
    assert comparison.experiment == experiment


def test_the_margin_is_that_of_the_suite() -> None:
    experiment = make_experiment(n_cases=3, role="general")
    ExperimentSuite.objects.update(margin=0.1, margin_is_relative=True)
    eval_set = experiment.suites.get().eval_set
    runs = [
        make_scored_run(eval_set=eval_set, model_version=model, values=[1, 1, 0])
        for model in (experiment.baseline, experiment.candidate)
    ]
    comparison = computed(*runs, experiment=experiment)
    assert comparison.payload is not None
    assert comparison.payload["regression"]["words"] == "10% of the baseline"
    ExperimentSuite.objects.update(margin=0.2)
    assert comparisons.is_stale(comparison)


def test_another_margin_has_the_comparison_computed_again() -> None:
    experiment = make_experiment(n_cases=3)
    eval_set = experiment.suites.get().eval_set
    runs = [
        make_scored_run(eval_set=eval_set, model_version=model, values=[1, 1, 0])
        for model in (experiment.baseline, experiment.candidate)
    ]
    comparison = computed(*runs)
    assert comparison.experiment == experiment
    Job.objects.update(status=Job.Status.DONE)
    said: dict[str, Any] = {"experiment": experiment, "eval_set": eval_set, "actor": None, "now": LATER}
    said["margin_is_relative"] = False
    suites.use(role="target", margin=0.05, **said)
    assert not Job.objects.filter(status=Job.Status.QUEUED).exists()
    suites.use(role="general", margin=0.02, **said)
    [job] = Job.objects.filter(status=Job.Status.QUEUED)
    jobs.run(job.pk)
    comparison.refresh_from_db()
    assert comparison.payload is not None
    assert comparison.payload["regression"]["words"] == "2 points"


def test_a_zombie_writes_nothing() -> None:
    asked = ask(*two_runs())

    def lost() -> None:
        raise jobs.LostLease

    with pytest.raises(jobs.LostLease):
        comparisons.compute(comparison_id=asked.pk, now=NOW, guard=lost)
    asked.refresh_from_db()
    assert asked.payload is None
    assert not CaseChange.objects.exists()


def test_a_comparison_that_is_not_there_is_not_computed() -> None:
    with pytest.raises(RunComparison.DoesNotExist):
        comparisons.compute(comparison_id=uuid4(), now=NOW, guard=lambda: None)


@pytest.mark.real_data
def test_published_solutions_differ_as_published() -> None:
    """Of 1,319 questions 515 and 458 are right; 209 and 152 by one model alone; McNemar's exact p is .003151."""
    eval_set = make_gsm8k()
    runs = [make_gsm8k_run(eval_set, model) for model in ("6b_verification", "175b_finetuning")]
    comparison = computed(*runs)
    assert comparison.payload is not None
    assert comparison.payload["invalid_reasons"] == []
    [metric] = comparison.payload["metrics"]
    assert metric["key"] == "numeric_match"
    assert metric["baseline"]["estimate"] * 1319 == pytest.approx(515)
    assert metric["candidate"]["estimate"] * 1319 == pytest.approx(458)
    assert (metric["table"]["only_baseline"], metric["table"]["only_candidate"]) == (209, 152)
    assert metric["mcnemar"]["p_value"] == pytest.approx(0.003151, abs=5e-7)
    assert metric["direction"] == "worse"
    kinds = {kind: CaseChange.objects.filter(comparison=comparison, kind=kind).count() for kind in CaseChange.Kind}
    assert kinds == {"regression": 209, "improvement": 152, "worse": 0, "better": 0}
    mirrored = computed(*reversed(runs))
    assert mirrored.payload is not None
    [other] = mirrored.payload["metrics"]
    assert other["difference"]["estimate"] == pytest.approx(-metric["difference"]["estimate"])
    assert other["difference"]["p_value"] == metric["difference"]["p_value"]
