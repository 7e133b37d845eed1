"""A pipeline asked for, or stopped."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import Experiment, PipelineRun
from experiments.services.pipelines import parts

Status = PipelineRun.Status


class PipelineRefused(Exception):
    """This cannot be done now, for a reason a user can read."""


def start(*, experiment: Experiment, token: UUID, started_by: User | None, now: datetime) -> tuple[PipelineRun, bool]:
    """The pipeline, and whether it is new: one that runs already is joined, and the same token gives the same one."""
    if earlier := PipelineRun.objects.filter(token=token).first():
        if earlier.experiment_id != experiment.pk:
            raise PipelineRefused("This was used before for another experiment. Load the page again.")
        return earlier, False
    try:
        with transaction.atomic():
            return make(experiment, token, started_by, now=now), True
    except IntegrityError:
        return PipelineRun.objects.get(experiment=experiment, status=Status.RUNNING), False


def make(experiment: Experiment, token: UUID, started_by: User | None, *, now: datetime) -> PipelineRun:
    planned = parts.planned(experiment)
    made = PipelineRun.objects.create(
        token=token,
        experiment=experiment,
        parts=parts.written(planned),
        started_by=started_by,
        created_at=now,
    )
    audit.record(
        actor=started_by, action="pipeline.started", subject=str(experiment), details={"parts": len(planned)}, now=now
    )
    return made


@transaction.atomic
def cancel(*, pipeline: PipelineRun, actor: User | None, now: datetime) -> bool:
    """Runs that are on their way go on: each can be ended on its own page. Whether it was still running."""
    held = PipelineRun.objects.filter(pk=pipeline.pk, status=Status.RUNNING)
    if not held.update(status=Status.CANCELLED, finished_at=now, status_reason="Stopped by a person."):
        return False
    audit.record(actor=actor, action="pipeline.cancelled", subject=str(pipeline.experiment), details={}, now=now)
    return True
