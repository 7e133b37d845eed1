"""Accepted events become sums per unit and metric: each batch once, in the transaction that says so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from experiments.live_plan import Plan
from experiments.models import EventBatch, LivePlan
from experiments.services.live_traffic import fold_sql
from experiments.services.live_traffic.running_tests import plan_of

BATCHES_AT_ONCE = 100


def fold(test_id: int, *, now: datetime) -> int:
    """How many events were folded: all that wait and no other worker has in hand; none while sums are made anew."""
    plan = registered(test_id)
    folded = 0
    while batches := fold_some(test_id, plan, now=now):
        folded += sum(batches.values())
    return folded


@transaction.atomic
def fold_some(test_id: int, plan: Plan, *, now: datetime) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(fold_sql.TOGETHER, lock_of(test_id))
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute(fold_sql.BATCHES, {"test": test_id, "most": BATCHES_AT_ONCE})
        batches = dict(cursor.fetchall())
        if batches:
            add_sums(cursor, test_id, plan, list(batches), now)
    return batches


@transaction.atomic
def refold(test_id: int, *, now: datetime) -> int:
    """All sums anew from the events themselves, after the metrics changed; until it commits the old ones stand."""
    plan = registered(test_id)
    with connection.cursor() as cursor:
        cursor.execute(fold_sql.ALONE, lock_of(test_id))
        cursor.execute(fold_sql.ALL_BATCHES, {"test": test_id})
        batches = dict(cursor.fetchall())
        cursor.execute(fold_sql.FORGET, {"test": test_id})
        ids = list(batches)
        for start in range(0, len(ids), BATCHES_AT_ONCE):
            add_sums(cursor, test_id, plan, ids[start : start + BATCHES_AT_ONCE], now)
    return sum(batches.values())


def lock_of(test_id: int) -> dict[str, int]:
    return {"space": fold_sql.ADVISORY_SPACE, "test": test_id % 2**31}


def add_sums(cursor: Any, test_id: int, plan: Plan, batches: Sequence[int], now: datetime) -> None:
    values = {"test": test_id, "batches": list(batches), "rules": fold_sql.rules(plan), "skew": plan.early_minutes}
    cursor.execute(fold_sql.FOLD, values)
    cursor.execute(fold_sql.MARK, {"batches": list(batches), "now": now})


def waiting() -> list[int]:
    """Tests with events that are in no sum yet."""
    unfolded = EventBatch.objects.filter(folded_at=None, live_test__isnull=False)
    return list(unfolded.order_by("live_test_id").values_list("live_test_id", flat=True).distinct())


def registered(test_id: int) -> Plan:
    sha256 = LivePlan.objects.values_list("sha256", flat=True).get(live_test=test_id)
    return plan_of(test_id, sha256)
