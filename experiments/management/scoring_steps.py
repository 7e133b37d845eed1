"""What the commands about scores share: naming sets and runs, waiting for a scoring, and the figures in words."""

import time
from uuid import UUID

from celery import current_app
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.management.taking_over import waits_for_nobody
from experiments.models import BenchmarkRun, EvalSet, RunScorer
from experiments.services.scoring.running import SCORE_RUN


def eval_set_named(given: str) -> EvalSet:
    """By number, by name:version, or the newest version of a name. Raises CommandError."""
    name, _, version = given.rpartition(":")
    wanted = Q(name=given)
    if name and version.removeprefix("v").isdigit():
        wanted |= Q(name=name, version=int(version.removeprefix("v")))
    found = EvalSet.objects.filter(wanted).order_by("-version").first()
    if found is None and given.isdigit():
        found = EvalSet.objects.filter(pk=int(given)).first()
    if found is None:
        raise CommandError(f"There is no eval set {given!r}.")
    return found


def run_named(given: str) -> BenchmarkRun:
    try:
        return BenchmarkRun.objects.select_related("model_version", "eval_set").get(pk=UUID(given))
    except (ValueError, ValidationError, BenchmarkRun.DoesNotExist):
        raise CommandError(f"There is no run {given!r}.") from None


def scoring_jobs(run: BenchmarkRun) -> list[Job]:
    return list(Job.objects.live().filter(kind=SCORE_RUN, args__run_id=str(run.pk)).order_by("created_at"))


def follow_scoring(command: BaseCommand, run: BenchmarkRun) -> None:
    """Until the run is scored. Without a worker the job runs here, through the same lease. Raises CommandError."""
    started = time.monotonic()
    while (waiting := scoring_jobs(run)) and run.status == BenchmarkRun.Status.SCORING:
        if waits_for_nobody(waiting[0], since=started):
            current_app.loader.import_default_modules()  # where the handlers register themselves
            jobs.run(waiting[0].pk)
        else:
            time.sleep(0.2)
        run.refresh_from_db()
    run.refresh_from_db()
    if run.status != BenchmarkRun.Status.DONE:
        raise CommandError(run.status_reason or f"The run is {run.get_status_display()}.")


def tell_scores(command: BaseCommand, run: BenchmarkRun) -> None:
    command.stdout.write(f"run {run.pk}: {run.model_version} over {run.eval_set}")
    command.stdout.write(f"{run.n_done:,} answered, {run.n_errors:,} errors, {run.n_cases:,} cases")
    for one in RunScorer.objects.filter(run=run, is_current=True).order_by("-is_primary", "pk"):
        command.stdout.write(line(one))


def line(one: RunScorer) -> str:
    overall = one.summary.get("overall") or {}
    estimate, low, high = (overall.get(name) for name in ("estimate", "ci_low", "ci_high"))
    if estimate is None:
        return f"  {one.key}: no value; {'; '.join(overall.get('warnings') or ['not computed'])}"
    passed = f"{one.n_passed:,} of {one.n_scored:,} passed, " if one.n_passed is not None else ""
    interval = f"95% interval {low:.4f} to {high:.4f}" if low is not None and high is not None else "no interval"
    return f"  {one.key}: {passed}{estimate:.4f}, {interval}, n {overall.get('n', 0):,}"
