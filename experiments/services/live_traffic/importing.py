"""Past traffic into a test: staged by COPY, checked and moved inside the database, all of it or nothing."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from experiments.importers.past_events import PastEvent
from experiments.importers.problems import Kind, Problem, Severity
from experiments.live_plan import Plan
from experiments.models import LiveTest
from experiments.services.live_traffic import import_sql as sql
from experiments.services.live_traffic.sifting import pre_periods


def stage(rows: Iterable[PastEvent]) -> None:
    """In the caller's transaction, at whose end it is forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(sql.STAGE)
        with connection.wrap_database_errors, cursor.copy(sql.FILL) as copy:
            for one in rows:
                copy.write_row((*one[:7], one.properties.decode(), one.arm))
        cursor.execute(sql.ANALYZE)


def span() -> tuple[datetime, datetime] | None:
    """From the first to the last time staged."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SPAN)
        first, last = cursor.fetchone()
    return (first, last) if first else None


def expose(test: LiveTest) -> tuple[int, int]:
    """Exposures written, and units that were told in both arms."""
    with connection.cursor() as cursor:
        cursor.execute(sql.EXPOSE, {"test": test.pk})
        exposed = cursor.rowcount
        cursor.execute(sql.CONFLICTS, {"test": test.pk})
        return exposed, cursor.rowcount


def problems(test: LiveTest, plan: Plan, *, now: datetime) -> Iterator[Problem]:
    """What only all rows together tell, after `expose`."""
    latest = now + timedelta(minutes=plan.early_minutes)
    values = {"test": test.pk, "latest": latest, "periods": periods(plan), "skew": plan.early_minutes}
    twice = rows_of(sql.UNITS_TWICE, values)
    for row, unit, first in twice:
        yield Problem(row, "unit_id", Kind.DUPLICATE_ID, f"{unit!r} stands in row {first} already")
    # The events of a unit that stands there twice are no finding of their own.
    for row, name, first in [] if twice else rows_of(sql.IDS_TWICE, values):
        reason = f"{name!r} stands in row {first} already, with another content"
        yield Problem(row, "event_id", Kind.DUPLICATE_ID, reason)
    for row, name, _ in rows_of(sql.IDS_TAKEN, values):
        yield Problem(row, "event_id", Kind.DUPLICATE_ID, f"the test has another event {name!r} already")
    for row, unit, _ in rows_of(sql.UNEXPOSED, values):
        yield Problem(row, "unit_id", Kind.UNKNOWN_ID, f"nothing says which arm {unit!r} was in")
    for row, _, at in rows_of(sql.AHEAD, values):
        yield Problem(row, "timestamp", Kind.UNKNOWN_VALUE, f"{at} is still to come")
    for row, unit, at in rows_of(sql.BEFORE_EXPOSURE, values):
        reason = f"left out: {unit!r} was exposed later, at {at}"
        yield Problem(row, "timestamp", Kind.UNKNOWN_VALUE, reason, 1, Severity.WARNING)


def move(test: LiveTest, plan: Plan, *, left_out: int, now: datetime) -> tuple[int, dict[str, int]]:
    """The staged rows, of which nothing is wrong any more, become events; how many, and how many did not and why."""
    values: dict[str, Any] = {"test": test.pk, "now": now, "periods": periods(plan), "skew": plan.early_minutes}
    with connection.cursor() as cursor:
        cursor.execute(sql.LEAVE_OUT_TOO_SOON, values)
        too_soon = cursor.rowcount
        cursor.execute(sql.NEW, values)
        cursor.execute(sql.COUNTS)
        told, events = cursor.fetchone()
        counts = {"duplicate": told - events, "before_exposure": too_soon, "left_out": left_out}
        values["counts"] = orjson.dumps({name: n for name, n in counts.items() if n}).decode()
        cursor.execute(sql.BATCHES, values)
        values["batches"] = [batch for [batch] in cursor.fetchall()]
        cursor.execute(sql.EVENTS, values)
        cursor.execute(sql.FORGET_NEW)
    return events, counts


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.FORGET)


def periods(plan: Plan) -> str:
    """In days, by the name of the event."""
    return orjson.dumps({name: one / timedelta(days=1) for name, one in pre_periods(plan).items()}).decode()


def rows_of(statement: str, values: dict[str, Any]) -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
