"""The next experiment after a training run: another candidate under the same rule, over the same suites."""

from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import Experiment, ExperimentSuite, ModelVersion, PipelineRun
from experiments.policy import Policy, PolicyRefused
from experiments.reports.policies.registered import current
from experiments.services import experiments, policies, suites
from experiments.services.pipelines import starting

NAMES = UUID("6f0f3a52-0d53-4b8c-9a39-9b1c5f0f7c11")


class CannotFollow(Exception):
    """No such experiment can be made, for a reason a user can read."""


@transaction.atomic
def start_with(
    *, experiment: Experiment, candidate: ModelVersion, token: UUID, started_by: User | None, now: datetime
) -> tuple[PipelineRun, bool]:
    """The pipeline of the next experiment, as `starting.start` gives it; where it is refused, nothing is made."""
    found = following(experiment=experiment, candidate=candidate, actor=started_by, now=now)
    return starting.start(experiment=found, token=token, started_by=started_by, now=now)


@transaction.atomic
def following(*, experiment: Experiment, candidate: ModelVersion, actor: User | None, now: datetime) -> Experiment:
    """Its policy is registered in the name of whoever asks, before anything is run.

    The same candidate again gives the experiment that stands, as it stands. Raises CannotFollow.
    """
    if candidate.pk == experiment.candidate_id:
        return experiment
    rule = current(experiment)
    if rule is None:
        raise CannotFollow(f"{experiment} has no registered policy to go on by: register one on its page.")
    try:
        made = experiments.make(
            name=name_of(experiment, candidate),
            baseline=experiment.baseline,
            candidate=candidate,
            created_by=actor,
            now=now,
        )
        # Of two who ask at once the second waits for the first, and finds all that it made.
        if current(made) is None:
            copy_suites(experiment, made, actor=actor, now=now)
            register(experiment, made, actor=actor, now=now)
    except (experiments.CannotMake, PolicyRefused, policies.CannotRegister) as refusal:
        raise CannotFollow(str(refusal)) from refusal
    return made


def name_of(experiment: Experiment, candidate: ModelVersion) -> str:
    """The candidate's name stands whole; of a long name of the experiment its beginning."""
    said = f": {candidate}"
    most = Experiment._meta.get_field("name").max_length or 0
    return f"{experiment.name[: max(0, most - len(said))]}{said}"[:most]


def copy_suites(source: Experiment, made: Experiment, *, actor: User | None, now: datetime) -> None:
    for one in source.suites.select_related("eval_set").order_by("pk"):
        suite, is_new = ExperimentSuite.objects.get_or_create(
            experiment=made,
            eval_set=one.eval_set,
            defaults={"role": one.role, "margin": one.margin, "margin_is_relative": one.margin_is_relative},
        )
        if is_new:
            suites.put_on_record(suite, actor=actor, now=now)


def register(source: Experiment, made: Experiment, *, actor: User | None, now: datetime) -> None:
    draft, changed = policies.copy_from(experiment=made, source=source, actor=actor, now=now)
    row = policies.register(
        experiment=made,
        token=uuid5(NAMES, str(made.pk)),
        seen_sha256=Policy.frozen(draft.body).sha256,
        registered_by=actor,
        now=now,
    )
    details = {"from": str(source), "policy": row.sha256, "changed": list(changed)}
    audit.record(actor=actor, action="experiment.followed", subject=str(made), details=details, now=now)
