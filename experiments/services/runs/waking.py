"""Lanes for runs that should go on: when a person continues one, and when nobody is left although cases wait."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from experiments.models import BenchmarkRun, RunItem
from experiments.reports.runs import live_lanes, was_stopped
from experiments.services.runs.starting import wake_lanes

Status = BenchmarkRun.Status
GOING = (Status.QUEUED, Status.RUNNING)


def wake_idle(*, now: datetime) -> int:
    """A lane that was ending while its run was continued looked alive, so that nobody was woken; how many runs were."""
    left = BenchmarkRun.objects.filter(status__in=GOING, n_cases__gt=F("n_done") + F("n_errors"))
    return sum(wake_if_idle(run, now=now) for run in left)


@transaction.atomic
def wake_if_idle(found: BenchmarkRun, *, now: datetime) -> bool:
    going = BenchmarkRun.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    run = going.filter(pk=found.pk, status__in=GOING).first()
    if run is None or live_lanes(run) or was_stopped(run):
        return False
    free_all(run)
    wake_lanes(run=run, now=now)
    return True


def free_all(run: BenchmarkRun) -> None:
    """Without living lanes, whoever held cases is gone for good: their leases need not run out first."""
    run.items.filter(state=RunItem.State.WAITING).exclude(lease_token=None).update(lease_token=None, lease_until=None)
