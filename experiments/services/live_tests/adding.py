"""A metric added to a registered plan: with a reason, told beside its result for ever, and never the primary one."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from evalsite.platform.models import User
from experiments.live_plan import Plan, one_more_metric
from experiments.models import EventBatch, LiveAmendment, LiveLook, LiveTest
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_tests.running import amend, made_before, note, plan_of, spoken
from experiments.services.live_traffic import folding

Kind, Status = LiveAmendment.Kind, LiveTest.Status
# Of more events a request would wait too long for the sums.
MOST_EVENTS = 300_000


@transaction.atomic
def add_metric(
    *,
    live_test: LiveTest,
    raw: Mapping[str, Any],
    reason: str,
    token: UUID,
    actor: User | None,
    now: datetime,
    most_events: int | None = MOST_EVENTS,
) -> LiveAmendment:
    """Its sums are made of all events so far in the same transaction, so that no result shows a part of them.

    Raises PlanRefused, TestRefused. Locked less strictly than by other steps, as events come in meanwhile.
    """
    held = LiveTest.objects.select_for_update(of=("self",), no_key=True).get(pk=live_test.pk)
    if earlier := made_before(token, held, Kind.METRICS):
        if earlier.change["sent"] != dict(raw):
            raise TestRefused("This form was sent before with another metric. Load the page again.")
        return earlier
    if held.status == Status.DRAFT:
        raise TestRefused("This is a draft: change it instead.")
    said, plan = spoken(reason), plan_of(held)
    refuse_adding(held, plan)
    metric = one_more_metric(plan, raw)
    events = EventBatch.objects.filter(live_test=held).aggregate(n=Sum("n"))["n"] or 0
    if most_events is not None and events > most_events:
        raise TestRefused(
            f"This test has {events:,} events: summing them up takes longer than a page may. Run "
            f"manage.py step_live_test {held.key} add_metric --metric FILE instead."
        )
    # Written as it is: a computation that began before cannot take a planned look without this metric any more.
    held.save(update_fields=["split"])
    folding.fold_one_more(held.pk, plan, metric)
    change = {"added": asdict(metric), "sent": dict(raw)}
    row = amend(held, Kind.METRICS, change=change, reason=said, token=token, actor=actor, now=now)
    note(held, "live_test.metric_added", actor=actor, now=now, reason=said, metric=metric.key, role=metric.role)
    return row


def refuse_adding(held: LiveTest, plan: Plan) -> None:
    if held.status == Status.STOPPED:
        raise TestRefused("This live test is stopped: a metric now would be chosen by what it shows. Copy it as new.")
    opened = LiveAmendment.objects.filter(live_test=held, kind=Kind.OPENED_EARLY).exists()
    looked = LiveLook.objects.filter(live_test=held, planned=True).exists()
    if plan.method == "fixed_horizon" and (opened or looked):
        raise TestRefused("The one reading of this test is open: a metric now would be chosen by what it shows.")
