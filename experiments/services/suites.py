"""Eval sets put to use in experiments: what each is for, and how much worse the candidate may be on it."""

from datetime import datetime

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import EvalSet, Experiment, ExperimentSuite
from experiments.services import comparisons


@transaction.atomic
def use(
    *,
    experiment: Experiment,
    eval_set: EvalSet,
    role: str,
    margin: float,
    margin_is_relative: bool,
    actor: User | None,
    now: datetime,
) -> ExperimentSuite:
    """Give the set its role there, or another one; either is on record."""
    said = {"role": role, "margin": margin, "margin_is_relative": margin_is_relative}
    before = ExperimentSuite.objects.select_for_update().filter(experiment=experiment, eval_set=eval_set).first()
    suite, is_new = ExperimentSuite.objects.update_or_create(experiment=experiment, eval_set=eval_set, defaults=said)
    put_on_record(suite, role_before="" if is_new or before is None else before.role, actor=actor, now=now)
    comparisons.renew_suite(suite=suite, now=now)
    return suite


def put_on_record(suite: ExperimentSuite, *, role_before: str = "", actor: User | None, now: datetime) -> None:
    """role_before: of a suite that stood already. What comes or changes after registration is told as a deviation."""
    audit.record(
        actor=actor,
        action="suite.changed" if role_before else "suite.used",
        subject=str(suite.experiment),
        details={
            "experiment": suite.experiment_id,
            "eval_set": str(suite.eval_set),
            "role": str(suite.role),
            "role_before": role_before,
            "margin": suite.margin,
            "margin_is_relative": suite.margin_is_relative,
        },
        now=now,
    )
