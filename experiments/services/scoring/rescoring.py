"""Scoring a finished run anew: other scorers or parameters over the same outputs, without one new call."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import Job, User
from experiments.models import BenchmarkRun, RunItem
from experiments.services.scoring import running
from experiments.services.scoring.choosing import Chosen, attach

Status = BenchmarkRun.Status


class CannotScore(Exception):
    """This run cannot be scored now, for a reason a user can read."""


@transaction.atomic
def rescore(*, run: BenchmarkRun, scorers: Sequence[Chosen], actor: User | None, now: datetime) -> Job:
    """What it was scored by before is kept beside. Raises CannotScore."""
    found = BenchmarkRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    refuse_unless_answered(found)
    attach(run=found, scorers=scorers)
    found.status, found.status_reason = Status.SCORING, ""
    found.job = running.start(run=found, created_by=actor, now=now)
    found.save(update_fields=["status", "status_reason", "job"])
    names = [entry.key for entry in scorers]
    audit.record(actor=actor, action="run.rescored", subject=str(found), details={"scorers": names}, now=now)
    return found.job


def refuse_unless_answered(found: BenchmarkRun) -> None:
    if found.status in (Status.QUEUED, Status.RUNNING, Status.PAUSED):
        raise CannotScore(f"This run is {found.get_status_display()}: it can be scored once every case was answered.")
    if found.items.filter(state=RunItem.State.WAITING).exists():
        raise CannotScore("Some cases of this run were never asked, so it cannot be scored as a whole.")
