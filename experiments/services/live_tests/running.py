"""A registered test: start it, send a larger share to treatment, stop it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.live_plan import Plan, in_force
from experiments.models import Exposure, LiveAmendment, LivePlan, LiveTest
from experiments.services.live_tests.drafting import OtherTest, TestRefused

Status, Kind = LiveTest.Status, LiveAmendment.Kind
LONGEST_REASON = 2_000


@transaction.atomic
def start(*, live_test: LiveTest, actor: User | None, now: datetime) -> LiveTest:
    """From now on units are routed. Starting twice is starting once."""
    held = locked(live_test)
    if held.status == Status.RUNNING:
        return held
    if held.status == Status.DRAFT:
        raise TestRefused("Register the plan first: what is decided beforehand must stand before the first unit.")
    if held.status == Status.STOPPED:
        raise TestRefused("This live test was stopped, and stays so. Copy it as a new one to run it again.")
    held.status, held.started_at = Status.RUNNING, now
    held.save(update_fields=["status", "started_at"])
    note(held, "live_test.started", actor=actor, now=now, split=held.split)
    return held


@transaction.atomic
def ramp(
    *, live_test: LiveTest, split: float, reason: str, token: UUID, actor: User | None, now: datetime
) -> LiveAmendment:
    """Raise the share of treatment. Only up: units move from control to treatment, never back."""
    held = locked(live_test)
    change = {"before": held.split, "after": split}
    if earlier := made_before(token, held, Kind.RAMP, after=split):
        return earlier
    said = spoken(reason)
    if held.status not in (Status.REGISTERED, Status.RUNNING):
        raise TestRefused(f"This live test is {held.get_status_display()}: its split cannot be raised.")
    if held.status == Status.REGISTERED:
        raise TestRefused("Start the test first; its plan says with which split.")
    if not held.split < split < 1:
        raise TestRefused(
            f"The split is {held.split:.4g}. It can only be raised, and must stay below 1: lowering it would send "
            "units back that have seen the treatment."
        )
    refuse_less_than_a_bucket(held, split)
    held.split = split
    held.save(update_fields=["split"])
    row = amend(held, Kind.RAMP, change=change, reason=said, token=token, actor=actor, now=now)
    note(held, "live_test.ramped", actor=actor, now=now, **change, reason=said)
    return row


@transaction.atomic
def stop(
    *,
    live_test: LiveTest,
    reason: str,
    token: UUID,
    actor: User | None,
    now: datetime,
    kind: str = Kind.STOPPED_EARLY,
    change: dict[str, Any] | None = None,
) -> LiveTest:
    """No unit is routed any more; events of those exposed are still taken for the plan's `late_hours`.

    Before the planned size it is an amendment, of kind GUARDRAIL where a guardrail stopped it. Stopping twice is
    stopping once.
    """
    held = locked(live_test)
    if held.status == Status.STOPPED:
        return held
    if held.status != Status.RUNNING:
        raise TestRefused(f"This live test is {held.get_status_display()}: there is nothing to stop.")
    said = spoken(reason)
    units = exposed(held)
    planned = plan_of(held).n_per_arm
    held.status, held.stopped_at, held.stop_reason = Status.STOPPED, now, said
    held.save(update_fields=["status", "stopped_at", "stop_reason"])
    if min(units.values()) < planned or kind == Kind.GUARDRAIL:
        found = {"units": units, "planned": planned, **(change or {})}
        amend(held, kind, change=found, reason=said, token=token, actor=actor, now=now)
    note(held, "live_test.stopped", actor=actor, now=now, reason=said, units=units, planned=planned)
    return held


def locked(live_test: LiveTest) -> LiveTest:
    return LiveTest.objects.select_for_update(of=("self",)).get(pk=live_test.pk)


def plan_of(live_test: LiveTest) -> Plan:
    """As registered, with the size and days it was extended to and the metrics added since."""
    plan = Plan.from_dict(LivePlan.objects.values_list("body", flat=True).get(live_test=live_test))
    changed = LiveAmendment.objects.filter(live_test=live_test, kind__in=LiveAmendment.TO_THE_PLAN)
    return in_force(plan, changed.order_by("made_at", "pk").values_list("change", flat=True))


def exposed(live_test: LiveTest) -> dict[str, int]:
    counted = Exposure.objects.filter(live_test=live_test).values_list("arm").annotate(n=Count("pk"))
    return {"control": 0, "treatment": 0} | dict(counted)


def spoken(reason: str) -> str:
    said = reason.strip()
    if not said:
        raise TestRefused("Say why: the reason is shown beside the result.")
    if len(said) > LONGEST_REASON:
        raise TestRefused(f"The reason is longer than {LONGEST_REASON:,} characters.")
    return said


def refuse_less_than_a_bucket(live_test: LiveTest, split: float) -> None:
    buckets = plan_of(live_test).routing.buckets
    if round(split * buckets) <= round(live_test.split * buckets) or round(split * buckets) >= buckets:
        raise TestRefused(f"With {buckets:,} buckets the split moves in steps of {1 / buckets:g}.")


def made_before(token: UUID, live_test: LiveTest, kind: str, **same: Any) -> LiveAmendment | None:
    """What this form has done already; OtherTest where its id stands for something else."""
    earlier = LiveAmendment.objects.filter(token=token).first()
    if earlier is None:
        return None
    fits = earlier.live_test_id == live_test.pk and earlier.kind == kind
    if not fits or any(earlier.change.get(name) != value for name, value in same.items()):
        raise OtherTest("This form was sent before for something else. Load the page again.")
    return earlier


def amend(
    live_test: LiveTest,
    kind: str,
    *,
    change: dict[str, Any],
    reason: str,
    token: UUID,
    actor: User | None,
    now: datetime,
) -> LiveAmendment:
    if LiveAmendment.objects.filter(token=token).exists():
        raise OtherTest("This form was sent before for something else. Load the page again.")
    return LiveAmendment.objects.create(
        token=token, live_test=live_test, kind=kind, change=change, reason=reason, made_by=actor, made_at=now
    )


def note(live_test: LiveTest, action: str, *, actor: User | None, now: datetime, **details: Any) -> None:
    audit.record(
        actor=actor, action=action, subject=live_test.key, details={"name": live_test.name, **details}, now=now
    )
