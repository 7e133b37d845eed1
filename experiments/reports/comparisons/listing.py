"""Comparisons as the lists show them: which runs, what they say, whether that is still true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.db.models import QuerySet

from experiments.models import BenchmarkRun, Experiment, ExperimentSuite, RunComparison
from experiments.reports.comparisons.freshness import stale
from experiments.reports.comparisons.headline import Headline

LATEST_RUNS = """
SELECT DISTINCT ON (model_version_id, eval_set_id) * FROM experiments_benchmarkrun
WHERE model_version_id = ANY(%s) AND eval_set_id = ANY(%s) AND status NOT IN ('cancelled', 'failed')
ORDER BY model_version_id, eval_set_id, (status = 'done') DESC, finished_at DESC NULLS LAST, created_at DESC
"""


def told(comparison: RunComparison | None) -> Headline | None:
    """Its finding; None while it is computed for the first time."""
    return Headline(comparison.state, comparison.headline) if comparison and comparison.state else None


@dataclass(frozen=True)
class ComparisonRow:
    comparison: RunComparison
    is_stale: bool = False

    @property
    def headline(self) -> Headline | None:
        return told(self.comparison)


def listed() -> QuerySet[RunComparison]:
    rows = RunComparison.objects.select_related(
        "baseline_run__model_version", "candidate_run__model_version", "baseline_run__eval_set", "experiment", "job"
    )
    return rows.defer("payload").order_by("-created_at")


def rows(comparisons: Iterable[RunComparison]) -> list[ComparisonRow]:
    shown = list(comparisons)
    out_of_date = {one.pk for one in stale(shown)}
    return [ComparisonRow(one, one.pk in out_of_date) for one in shown]


@dataclass(frozen=True)
class SuiteRow:
    """One suite of an experiment: its runs of both models, and what their comparison says.

    `run_ids` are those that missing runs will get, so that a form sent twice starts them once.
    """

    suite: ExperimentSuite
    baseline_run: BenchmarkRun | None
    candidate_run: BenchmarkRun | None
    comparison: RunComparison | None
    is_stale: bool = False
    run_ids: dict[str, UUID] = field(default_factory=lambda: {arm: uuid4() for arm in ("baseline", "candidate")})

    @property
    def headline(self) -> Headline | None:
        return told(self.comparison)

    @property
    def missing(self) -> list[str]:
        """Arms without a run that is done or on its way."""
        arms = (("baseline", self.baseline_run), ("candidate", self.candidate_run))
        return [name for name, run in arms if run is None]

    @property
    def live(self) -> list[BenchmarkRun]:
        both = (self.baseline_run, self.candidate_run)
        return [run for run in both if run and run.status != BenchmarkRun.Status.DONE]


def suite_rows(experiment: Experiment, suites: Sequence[ExperimentSuite]) -> list[SuiteRow]:
    """suites: of this experiment, with their sets."""
    models = [experiment.baseline_id, experiment.candidate_id]
    latest = {
        (run.model_version_id, run.eval_set_id): run
        for run in BenchmarkRun.objects.raw(LATEST_RUNS, [models, [suite.eval_set_id for suite in suites]])
    }
    runs = [run.pk for run in latest.values()]
    compared = {
        (one.baseline_run_id, one.candidate_run_id): one
        for one in RunComparison.objects.filter(experiment=experiment, baseline_run__in=runs, candidate_run__in=runs)
        .select_related("baseline_run", "candidate_run")
        .defer("payload")
    }
    out_of_date = {one.pk for one in stale(compared.values())}
    found = []
    for suite in suites:
        before = latest.get((experiment.baseline_id, suite.eval_set_id))
        after = latest.get((experiment.candidate_id, suite.eval_set_id))
        standing = compared.get((before.pk, after.pk)) if before and after else None
        found.append(SuiteRow(suite, before, after, standing, bool(standing and standing.pk in out_of_date)))
    return found
