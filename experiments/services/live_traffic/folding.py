"""Accepted events become sums per unit and metric: each batch once, in the transaction that says so."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from experiments.live_plan import Metric, Plan, in_force
from experiments.models import EventBatch, LiveAmendment, LivePlan
from experiments.services.live_traffic import fold_sql
from experiments.services.live_traffic.running_tests import plan_of

BATCHES_AT_ONCE = 100
MANY_EVENTS = 10_000


def fold(test_id: int, *, now: datetime) -> int:
    """How many events were folded: all that wait and no other worker has in hand; none while sums are made anew."""
    folded = 0
    while batches := fold_some(test_id, now=now):
        folded += sum(batches.values())
    return folded


@transaction.atomic
def fold_some(test_id: int, *, now: datetime) -> dict[int, int]:
    """The plan is read under the lock: a metric added meanwhile is in it, and has been summed up of all before."""
    with connection.cursor() as cursor:
        cursor.execute(fold_sql.TOGETHER, lock_of(test_id))
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute(fold_sql.BATCHES, {"test": test_id, "most": BATCHES_AT_ONCE})
        batches = dict(cursor.fetchall())
        if batches:
            add_sums(cursor, test_id, current(test_id), batches, now)
    return batches


@transaction.atomic
def refold(test_id: int, *, now: datetime) -> int:
    """All sums anew from the events themselves, after the metrics changed; until it commits the old ones stand."""
    with connection.cursor() as cursor:
        cursor.execute(fold_sql.ALONE, lock_of(test_id))
        cursor.execute(fold_sql.ALL_BATCHES, {"test": test_id})
        batches = dict(cursor.fetchall())
        cursor.execute(fold_sql.FORGET, {"test": test_id})
        plan = current(test_id)
        for some in parts(batches):
            add_sums(cursor, test_id, plan, some, now)
    return sum(batches.values())


def fold_one_more(test_id: int, plan: Plan, metric: Metric) -> None:
    """The sums of a metric that is new, from all events folded so far. Part of the transaction that adds it.

    Folds wait until it commits, and then know the metric.
    """
    alone = replace(plan, metrics=(metric,))
    with connection.cursor() as cursor:
        cursor.execute(fold_sql.ALONE, lock_of(test_id))
        folded = EventBatch.objects.filter(live_test=test_id, n__gt=0, folded_at__isnull=False).order_by("pk")
        for some in parts(dict(folded.values_list("pk", "n"))):
            sum_up(cursor, test_id, alone, some)


def parts(batches: Mapping[int, int]) -> Iterator[dict[int, int]]:
    rest = iter(batches.items())
    while some := dict(islice(rest, BATCHES_AT_ONCE)):
        yield some


def lock_of(test_id: int) -> dict[str, int]:
    return {"space": fold_sql.ADVISORY_SPACE, "test": test_id % 2**31}


def add_sums(cursor: Any, test_id: int, plan: Plan, batches: Mapping[int, int], now: datetime) -> None:
    """batches: with their numbers of events."""
    sum_up(cursor, test_id, plan, batches)
    cursor.execute(fold_sql.MARK, {"batches": list(batches), "now": now})


def sum_up(cursor: Any, test_id: int, plan: Plan, batches: Mapping[int, int]) -> None:
    # Statistics taken while exposures were still on their way in say that there are none, and the planner would read
    # all of them for each event. So few events look their exposures up, and many are joined with all of them at once.
    wrong_way = "enable_seqscan" if sum(batches.values()) < MANY_EVENTS else "enable_nestloop"
    cursor.execute(f"SET LOCAL {wrong_way} = off")
    values = {"test": test_id, "batches": list(batches), "rules": fold_sql.rules(plan), "skew": plan.early_minutes}
    cursor.execute(fold_sql.FOLD, values)
    cursor.execute(f"SET LOCAL {wrong_way} TO DEFAULT")


def waiting() -> list[int]:
    """Tests with events that are in no sum yet."""
    unfolded = EventBatch.objects.filter(folded_at=None, live_test__isnull=False)
    return list(unfolded.order_by("live_test_id").values_list("live_test_id", flat=True).distinct())


def current(test_id: int) -> Plan:
    """With the metrics that were added since."""
    sha256 = LivePlan.objects.values_list("sha256", flat=True).get(live_test=test_id)
    changed = LiveAmendment.objects.filter(live_test=test_id, kind__in=LiveAmendment.TO_THE_PLAN)
    changes = changed.order_by("made_at", "pk").values_list("change", flat=True)
    return in_force(plan_of(test_id, sha256), changes)
