"""Comparisons of two runs: asked for, computed in a worker, kept with what they were computed from, and renewed."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from evalsite.platform import jobs
from evalsite.platform.models import Job, User
from experiments.models import BenchmarkRun, CaseChange, Experiment, ExperimentSuite, RunComparison
from experiments.reports.comparisons.changes import Changes
from experiments.reports.comparisons.comparing import Tell, compare
from experiments.reports.comparisons.freshness import margins_of, present_sources, stale
from experiments.reports.comparisons.headline import headline

COMPARE_RUNS = "experiments.compare_runs"
MOST_AT_ONCE = 50
# Of the newest, whether they are stale is looked at every few seconds.
MOST_LOOKED_AT = 300
FINISHED = Q(baseline_run__status=BenchmarkRun.Status.DONE, candidate_run__status=BenchmarkRun.Status.DONE)
INSERT_CHANGES = """
INSERT INTO experiments_casechange
    (comparison_id, scorer_key, kind, case_id, position, category, baseline_value, candidate_value)
SELECT %s, %s, changed.kind, evalcase.id, evalcase.position, evalcase.category, changed.baseline, changed.candidate
FROM unnest(%s::bigint[], %s::varchar[], %s::float8[], %s::float8[]) AS changed (id, kind, baseline, candidate)
JOIN experiments_evalcase AS evalcase ON evalcase.id = changed.id
ORDER BY evalcase.position
"""
# For each suite of an experiment, the latest finished run of either model over its set.
LATEST_PAIRS = """
WITH latest AS (
    SELECT DISTINCT ON (model_version_id, eval_set_id) model_version_id, eval_set_id, id
    FROM experiments_benchmarkrun WHERE status = 'done'
    ORDER BY model_version_id, eval_set_id, finished_at DESC NULLS LAST, created_at DESC
)
SELECT baseline.id, candidate.id, experiment.id
FROM experiments_experimentsuite AS suite
JOIN experiments_experiment AS experiment ON experiment.id = suite.experiment_id
JOIN latest AS baseline
    ON baseline.model_version_id = experiment.baseline_id AND baseline.eval_set_id = suite.eval_set_id
JOIN latest AS candidate
    ON candidate.model_version_id = experiment.candidate_id AND candidate.eval_set_id = suite.eval_set_id
WHERE NOT EXISTS (
    SELECT 1 FROM experiments_runcomparison AS standing
    WHERE standing.baseline_run_id = baseline.id AND standing.candidate_run_id = candidate.id
        AND standing.experiment_id = experiment.id
)
ORDER BY experiment.id, suite.id
LIMIT %s
"""


class CannotCompare(Exception):
    """These two runs cannot be compared, for a reason a user can read, with the way out."""


def get_or_start(
    *,
    baseline_run: BenchmarkRun,
    candidate_run: BenchmarkRun,
    experiment: Experiment | None = None,
    created_by: User | None,
    now: datetime,
) -> RunComparison:
    """The comparison of these two in this experiment, computed or on its way; asking twice makes nothing new.

    Without one it is that of the latest experiment of both models over this set. Raises CannotCompare.
    """
    with transaction.atomic():
        found = stored(
            baseline_run=baseline_run,
            candidate_run=candidate_run,
            experiment=experiment,
            created_by=created_by,
            now=now,
        )
        if not is_fresh(found):
            start(found, created_by=created_by, now=now)
    return found


def get_or_compute(
    *, baseline_run: BenchmarkRun, candidate_run: BenchmarkRun, experiment: Experiment | None = None, now: datetime
) -> RunComparison:
    """Here and now, where no worker is to be waited for. Raises CannotCompare."""
    with transaction.atomic():
        found = stored(baseline_run, candidate_run, experiment=experiment, created_by=None, now=now)
    return found if is_fresh(found) else compute(comparison_id=found.pk, now=now, guard=lambda: None)


def stored(
    baseline_run: BenchmarkRun,
    candidate_run: BenchmarkRun,
    *,
    experiment: Experiment | None,
    created_by: User | None,
    now: datetime,
) -> RunComparison:
    """Its row, locked, made where there was none."""
    refuse(baseline_run, candidate_run)
    experiment = experiment or experiment_of(baseline_run, candidate_run)
    made = RunComparison(
        baseline_run=baseline_run,
        candidate_run=candidate_run,
        experiment=experiment,
        created_by=created_by,
        created_at=now,
    )
    RunComparison.objects.bulk_create([made], ignore_conflicts=True)
    return locked().get(baseline_run=baseline_run, candidate_run=candidate_run, experiment=experiment)


def experiment_of(baseline: BenchmarkRun, candidate: BenchmarkRun) -> Experiment | None:
    """Whose margin applies: the latest experiment of exactly these models that has this set, if there is one."""
    suites = ExperimentSuite.objects.filter(
        eval_set=baseline.eval_set_id,
        experiment__baseline=baseline.model_version_id,
        experiment__candidate=candidate.model_version_id,
    )
    suite = suites.select_related("experiment").order_by("-experiment__created_at").first()
    return suite.experiment if suite else None


def refuse(baseline_run: BenchmarkRun, candidate_run: BenchmarkRun) -> None:
    if baseline_run.pk == candidate_run.pk:
        raise CannotCompare("Choose two different runs: a run does not differ from itself.")
    if baseline_run.eval_set_id != candidate_run.eval_set_id:
        raise CannotCompare(
            f"The baseline was run over {baseline_run.eval_set} and the candidate over {candidate_run.eval_set}. "
            "Only runs of one version of an eval set can be compared case by case: run one of the models over the "
            "other's version first."
        )
    for name, run in (("baseline", baseline_run), ("candidate", candidate_run)):
        if run.status != BenchmarkRun.Status.DONE:
            raise CannotCompare(
                f"The {name}'s run is {run.get_status_display()}, not done. Compare the two when every case is scored."
            )


def locked() -> QuerySet[RunComparison]:
    return RunComparison.objects.select_for_update(no_key=True, of=("self",))


def start(comparison: RunComparison, *, created_by: User | None, now: datetime) -> None:
    comparison.job = jobs.enqueue(
        kind=COMPARE_RUNS,
        args={"comparison_id": str(comparison.pk)},
        key=f"{COMPARE_RUNS}:{comparison.pk}",
        created_by=created_by,
        now=now,
    )
    comparison.save(update_fields=["job"])


def is_fresh(comparison: RunComparison) -> bool:
    return comparison.payload is not None and not is_stale(comparison)


def is_stale(comparison: RunComparison) -> bool:
    return bool(stale([comparison]))


def get(comparison_id: UUID) -> RunComparison:
    rows = RunComparison.objects.select_related(
        "baseline_run__model_version__endpoint", "candidate_run__model_version__endpoint", "baseline_run__eval_set"
    )
    return rows.get(pk=comparison_id)


def compute(
    *, comparison_id: UUID, now: datetime, progress: Tell = lambda done, total, note: None, guard: Callable[[], None]
) -> RunComparison:
    """The source is read first: what is rescored meanwhile makes the result stale, never wrong."""
    comparison = get(comparison_id)
    source, margin = present_sources([comparison])[comparison_id], margins_of([comparison])[comparison_id]
    found = compare(comparison.baseline_run, comparison.candidate_run, margin=margin, tell=progress)
    with transaction.atomic():
        held = locked().get(pk=comparison_id)
        guard()
        CaseChange.objects.filter(comparison=held).delete()
        for changes in found.changes:
            insert(held, changes)
        told = headline(found.payload)
        held.payload, held.state, held.headline = found.payload, told.state, told.sentence
        held.source, held.computed_at = source, now
        held.save(update_fields=["payload", "state", "headline", "source", "computed_at"])
    return held


def insert(comparison: RunComparison, changes: Changes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT_CHANGES,
            [
                comparison.pk,
                changes.scorer_key,
                changes.case_ids.tolist(),
                changes.kinds,
                changes.baseline.tolist(),
                changes.candidate.tolist(),
            ],
        )


def start_due(*, now: datetime) -> int:
    """Compare the two latest finished runs of each suite, and what was rescored since; how many were started."""
    return start_missing(now=now) + start_stale(now=now)


def start_missing(*, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(LATEST_PAIRS, [MOST_AT_ONCE])
        pairs = cursor.fetchall()
    for baseline_id, candidate_id, experiment_id in pairs:
        runs = BenchmarkRun.objects.select_related("eval_set").in_bulk([baseline_id, candidate_id])
        # A run that was opened again meanwhile is compared when it is done.
        with suppress(CannotCompare):
            get_or_start(
                baseline_run=runs[baseline_id],
                candidate_run=runs[candidate_id],
                experiment=Experiment.objects.get(pk=experiment_id),
                created_by=None,
                now=now,
            )
    return len(pairs)


def renew_suite(*, suite: ExperimentSuite, now: datetime) -> int:
    """After its role or margin changed: what was compared over it is judged anew; how many were started."""
    return renew(
        RunComparison.objects.filter(experiment=suite.experiment, baseline_run__eval_set=suite.eval_set_id), now
    )


def renew_run(*, run_id: UUID, now: datetime) -> int:
    """After it was scored by others or by fewer, as other primary ones, or over more outputs; how many were started."""
    return renew(RunComparison.objects.filter(Q(baseline_run=run_id) | Q(candidate_run=run_id)), now)


def start_stale(*, now: datetime) -> int:
    """Where what it was computed from, or how, has changed since and nobody has started it."""
    newest = RunComparison.objects.order_by("-created_at")
    # What failed or was stopped is not tried again and again: somebody looks at it, and asks.
    stopped = [Job.Status.FAILED, Job.Status.PARKED, Job.Status.CANCELLED]
    return renew(newest.exclude(job__status__in=stopped), now, most=MOST_LOOKED_AT)


def renew(rows: QuerySet[RunComparison], now: datetime, *, most: int | None = None) -> int:
    """Those of them whose runs are both scored and which are stale."""
    finished = rows.filter(FINISHED).select_related("baseline_run", "candidate_run").defer("payload", "headline")
    due = stale(finished[:most])[:MOST_AT_ONCE]
    for comparison in due:
        start(comparison, created_by=None, now=now)
    return len(due)
