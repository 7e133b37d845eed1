"""What the command that starts a run needs: naming a model version, and waiting for the last answer."""

import sys
import time

from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.models import Sweep
from experiments.management.taking_over import waits_for_nobody
from experiments.models import BenchmarkRun, ModelVersion
from experiments.reports.runs import live_lanes

GENERATING = (BenchmarkRun.Status.QUEUED, BenchmarkRun.Status.RUNNING)


def model_version_named(given: str) -> ModelVersion:
    """By name:version, the newest of a name, or by number. Raises CommandError."""
    name, _, version = given.rpartition(":")
    wanted = Q(name=given) | Q(name=name, version=version)
    versions = ModelVersion.objects.select_related("endpoint")
    found = versions.filter(wanted).order_by("-created_at", "-pk").first()
    if found is None and given.isdigit():
        found = versions.filter(pk=int(given)).first()
    if found is None:
        raise CommandError(f"There is no model version {given!r}. Name it as NAME or NAME:VERSION.")
    return found


def follow_generation(command: BaseCommand, run: BenchmarkRun) -> None:
    """Until every case is through. Without a worker the lanes run here, one after the other. Raises CommandError."""
    started = time.monotonic()
    while run.status in GENERATING:
        lanes = live_lanes(run)
        if not lanes:
            raise CommandError(f"Nobody works on the run any more. {run.job.error if run.job else ''}".strip())
        due = [lane for lane in lanes if waits_for_nobody(lane, since=started)]
        # One that waits while a worker is at another is the worker's next.
        if due and (len(due) == len(lanes) or not Sweep.objects.workers_alive(now=timezone.now())):
            current_app.loader.import_default_modules()  # where the handlers register themselves
            jobs.run(due[0].pk)
        else:
            show(command, run)
            time.sleep(0.2)
        run.refresh_from_db()
    if run.status not in (BenchmarkRun.Status.SCORING, BenchmarkRun.Status.DONE):
        raise CommandError(f"The run is {run.get_status_display()}. {run.status_reason}".strip())


def show(command: BaseCommand, run: BenchmarkRun) -> None:
    if sys.stderr.isatty():
        ended = run.n_done + run.n_errors
        command.stderr.write(f"\r{ended:,} of {run.n_cases:,} cases, {run.n_errors:,} errors  ", ending="")
