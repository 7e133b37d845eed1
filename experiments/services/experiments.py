"""Experiments: made from two model versions, found by what a person types."""

from datetime import datetime

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import Experiment, ModelVersion


class NoSuchExperiment(Exception):
    """Says what was looked for."""


class CannotMake(Exception):
    """This experiment cannot be made, for a reason a user can read."""


def named(name_or_id: str) -> Experiment:
    """By name, else by number."""
    experiments = Experiment.objects.select_related("baseline", "candidate")
    found = experiments.filter(name=name_or_id).first()
    if found is None and name_or_id.isdecimal():
        found = experiments.filter(pk=int(name_or_id)).first()
    if found is None:
        raise NoSuchExperiment(f"There is no experiment {name_or_id!r}.")
    return found


@transaction.atomic
def make(
    *, name: str, baseline: ModelVersion, candidate: ModelVersion, created_by: User | None, now: datetime
) -> Experiment:
    """The same name and models again give the experiment that stands. Raises CannotMake."""
    if baseline == candidate:
        raise CannotMake("Baseline and candidate are the same version: choose two.")
    experiment, is_new = Experiment.objects.get_or_create(
        name=name, defaults={"baseline": baseline, "candidate": candidate, "created_by": created_by, "created_at": now}
    )
    if (experiment.baseline_id, experiment.candidate_id) != (baseline.pk, candidate.pk):
        raise CannotMake(f"{name!r} is the name of another experiment, with other models. Choose another name.")
    if is_new:
        details = {"baseline": str(baseline), "candidate": str(candidate)}
        audit.record(actor=created_by, action="experiment.made", subject=name, details=details, now=now)
    return experiment
