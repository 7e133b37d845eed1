"""A draft becomes a plan on record: canonical JSON and its SHA-256, before the first unit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.live_plan import Plan
from experiments.models import Experiment, LivePlan, LiveTest, ModelVersion
from experiments.services.live_tests import drafting

Status = LiveTest.Status


@transaction.atomic
def register(*, live_test: LiveTest, registered_by: User | None, now: datetime) -> LivePlan:
    """Registering twice is registering once. Raises PlanRefused."""
    held = LiveTest.objects.select_for_update(of=("self",)).get(pk=live_test.pk)
    if held.status != Status.DRAFT:
        return LivePlan.objects.get(live_test=held)
    plan = drafting.plan_of_draft(held)
    row = keep(held, plan, registered_by=registered_by, now=now)
    held.status, held.split = Status.REGISTERED, plan.routing.split
    held.save(update_fields=["status", "split"])
    return row


@transaction.atomic
def register_past(
    *,
    name: str,
    key: str,
    control: ModelVersion,
    treatment: ModelVersion,
    draft: Mapping[str, Any],
    experiment: Experiment | None = None,
    token: UUID,
    started_at: datetime,
    stopped_at: datetime,
    created_by: User | None,
    now: datetime,
) -> LiveTest:
    """A test that ran elsewhere: stopped, ready for its events. It says for ever that its plan was written later."""
    held = drafting.create(
        name=name,
        key=key,
        control=control,
        treatment=treatment,
        draft=draft,
        experiment=experiment,
        token=token,
        created_by=created_by,
        now=now,
    )
    if held.status != Status.DRAFT:
        return held
    register(live_test=held, registered_by=created_by, now=now)
    held.refresh_from_db()
    held.status, held.started_at, held.stopped_at = Status.STOPPED, started_at, stopped_at
    held.stop_reason = PAST
    held.save(update_fields=["status", "started_at", "stopped_at", "stop_reason"])
    audit.record(actor=created_by, action="live_test.imported", subject=key, details={"name": name}, now=now)
    return held


PAST = "Ran elsewhere; its plan was written down when its events were imported."


def keep(live_test: LiveTest, plan: Plan, *, registered_by: User | None, now: datetime) -> LivePlan:
    row = LivePlan.objects.create(
        live_test=live_test,
        body=plan.to_dict(),
        sha256=plan.sha256,
        registered_by=registered_by,
        registered_at=now,
    )
    details = {"name": live_test.name, "plan": plan.sha256, "n_per_arm": plan.n_per_arm, "method": plan.method}
    audit.record(actor=registered_by, action="live_test.registered", subject=live_test.key, details=details, now=now)
    return row
