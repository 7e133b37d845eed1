"""Starting a run: one item per case, those whose output stands already done from the start, and its lanes."""

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from evalsite.platform import audit, jobs
from evalsite.platform.models import Job, User
from experiments.models import BenchmarkRun, ErrorClass, EvalSet, Experiment, ModelVersion, RunItem
from experiments.reports.runs import MOST_LANES, lane_key
from experiments.services.runs import limits
from experiments.services.runs.ending import GENERATING, hand_to_scoring
from experiments.services.scoring import choosing
from experiments.services.scoring.choosing import Chosen, ScorersRefused

GENERATE = "experiments.generate"
MOST_THREADS = 64
# A lane that would get less than this many rounds of its threads is not worth a worker.
ROUNDS_PER_LANE = 4
Status = BenchmarkRun.Status

MAKE_ITEMS = """
INSERT INTO experiments_runitem (run_id, case_id, state, output_id, error_class, error_detail, attempts, finished_at)
SELECT %(run)s, evalcase.id,
       CASE WHEN output.id IS NULL THEN %(without)s WHEN output.error = '' THEN 'done' ELSE 'error' END,
       output.id,
       CASE WHEN output.id IS NULL THEN %(class_without)s
            WHEN output.error = '' OR output.error = ANY(%(classes)s) THEN output.error ELSE 'malformed' END,
       CASE WHEN output.id IS NOT NULL THEN left(output.error, 500) ELSE '' END,
       0,
       CASE WHEN output.id IS NOT NULL OR %(without)s = 'error' THEN %(now)s::timestamptz END
FROM experiments_evalcase AS evalcase
LEFT JOIN experiments_output AS output ON output.case_id = evalcase.id AND output.model_version_id = %(model_version)s
WHERE evalcase.eval_set_id = %(eval_set)s
ORDER BY evalcase.position
"""
COUNT_ITEMS = """
SELECT count(*), count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'error'), count(output_id)
FROM experiments_runitem WHERE run_id = %s
"""


class RunRefused(Exception):
    """This cannot be done with the run now, for a reason a user can read."""


class OtherRun(RunRefused):
    """The same id was used before for something else."""


def start(
    *,
    run_id: UUID,
    model_version: ModelVersion,
    eval_set: EvalSet,
    scorers: Sequence[Chosen] | None = None,
    threads: int = 8,
    budget: Decimal | None = None,
    experiment: Experiment | None = None,
    created_by: User | None,
    now: datetime,
) -> BenchmarkRun:
    """Make the run and wake its lanes. The same id again gives the run it made. Raises RunRefused, ScorersRefused.

    Without scorers those of the set apply, else what suits its cases.
    """
    wanted = BenchmarkRun(
        pk=run_id,
        model_version=model_version,
        eval_set=eval_set,
        experiment=experiment,
        threads=threads,
        budget=budget,
        created_by=created_by,
        created_at=now,
    )
    if earlier := made_before(wanted):
        return earlier
    refuse_unfit(wanted)
    chosen = list(scorers) if scorers else choosing.of_set(eval_set)
    try:
        with transaction.atomic():
            return make(wanted, chosen, now=now)
    except IntegrityError:
        # The other copy of this form was a moment faster.
        if earlier := made_before(wanted):
            return earlier
        raise


def made_before(wanted: BenchmarkRun) -> BenchmarkRun | None:
    earlier = BenchmarkRun.objects.filter(pk=wanted.pk).first()
    if earlier is None:
        return None
    fields = ("model_version_id", "eval_set_id", "experiment_id", "threads", "budget")
    if any(getattr(earlier, name) != getattr(wanted, name) for name in fields):
        raise OtherRun("Another run was started under this id. Load the form again.")
    return earlier


def refuse_unfit(wanted: BenchmarkRun) -> None:
    endpoint = wanted.model_version.endpoint
    if not 1 <= wanted.threads <= MOST_THREADS:
        raise RunRefused(f"Choose between 1 and {MOST_THREADS} calls at once.")
    if endpoint is not None and endpoint.archived_at:
        raise RunRefused(f"The endpoint {endpoint.name} is archived: nothing is called there any more.")
    if wanted.budget is not None:
        refuse_budget(wanted.budget, wanted.model_version)
    same = BenchmarkRun.objects.filter(model_version=wanted.model_version_id, eval_set=wanted.eval_set_id)
    if same.filter(status__in=GENERATING).exists():
        raise RunRefused(
            f"{wanted.model_version} is being run over {wanted.eval_set} already. Wait for that run, or cancel it."
        )


def refuse_budget(budget: Decimal, model_version: ModelVersion) -> None:
    endpoint = model_version.endpoint
    if endpoint is None:
        raise RunRefused("Outputs that were imported cost nothing: leave the budget empty.")
    if budget <= 0:
        raise RunRefused("A budget is more than nothing.")
    if not endpoint.price_per_million_input and not endpoint.price_per_million_output:
        raise RunRefused(f"The endpoint {endpoint.name} has no prices, so a budget could not be kept. Set them first.")


def make(wanted: BenchmarkRun, chosen: Sequence[Chosen], *, now: datetime) -> BenchmarkRun:
    # Two forms at once for the same model and set: the second sees the first one's run.
    ModelVersion.objects.select_for_update(no_key=True).get(pk=wanted.model_version_id)
    refuse_unfit(wanted)
    wanted.save(force_insert=True)
    make_items(wanted, now=now)
    choosing.attach(run=wanted, scorers=chosen)
    if wanted.n_done + wanted.n_errors == wanted.n_cases:
        wanted.started_at = now
        wanted.save()
        hand_to_scoring(run=wanted, now=now)
    else:
        if wanted.model_version.endpoint:
            limits.forget_failures(endpoint=wanted.model_version.endpoint)
        wanted.job = wake_lanes(run=wanted, now=now)[0]
        wanted.save()
    details = {"model": str(wanted.model_version), "eval_set": str(wanted.eval_set), "cases": wanted.n_cases}
    audit.record(actor=wanted.created_by, action="run.started", subject=str(wanted), details=details, now=now)
    return wanted


def make_items(run: BenchmarkRun, *, now: datetime) -> None:
    """Where there is no endpoint to call, a case without an imported output is missing it for good."""
    called = run.model_version.endpoint_id is not None
    values = {
        "run": run.pk,
        "without": RunItem.State.WAITING if called else RunItem.State.ERROR,
        "class_without": "" if called else ErrorClass.MISSING,
        "classes": list(ErrorClass.values),
        "now": now,
        "model_version": run.model_version_id,
        "eval_set": run.eval_set_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(MAKE_ITEMS, values)
        cursor.execute(COUNT_ITEMS, [run.pk])
        run.n_cases, run.n_done, run.n_errors, run.n_reused = cursor.fetchone()
    if run.n_cases == 0:
        raise RunRefused(f"{run.eval_set} has no cases.")
    if not called and run.n_reused == 0:
        raise RunRefused(f"No output of {run.model_version} to {run.eval_set} was imported, and it has no endpoint.")


def lanes_for(run: BenchmarkRun) -> int:
    waiting = run.n_cases - run.n_done - run.n_errors
    most = min(settings.RUN_LANES, MOST_LANES)
    return max(1, min(most, math.ceil(waiting / (ROUNDS_PER_LANE * run.threads))))


def wake_lanes(*, run: BenchmarkRun, now: datetime) -> list[Job]:
    """One job per lane; those that live already are left alone."""
    return [
        jobs.enqueue(
            kind=GENERATE,
            args={"run_id": str(run.pk), "lane": lane},
            key=lane_key(run.pk, lane),
            created_by=run.created_by,
            now=now,
        )
        for lane in range(lanes_for(run))
    ]


__all__ = ["OtherRun", "RunRefused", "ScorersRefused", "start"]
