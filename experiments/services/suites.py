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
    suite, is_new = ExperimentSuite.objects.update_or_create(experiment=experiment, eval_set=eval_set, defaults=said)
    audit.record(
        actor=actor,
        action="suite.used" if is_new else "suite.changed",
        subject=str(experiment),
        details={"eval_set": str(eval_set), **said},
        now=now,
    )
    comparisons.renew_suite(suite=suite, now=now)
    return suite
