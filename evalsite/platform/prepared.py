"""Statements of the busiest path, parsed and planned once per connection instead of at every request.

Django sends the ORM's statements with their values written in, so PostgreSQL plans each anew. For the few statements
of judging that took three times as long as running them.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.numeric import Int8Dumper

# A plan made while a table was small is not the best when it has grown; a new one costs a few milliseconds.
PLANS_KEPT_SECONDS = 5.0
# One plan for all values. All of these statements look up single rows: reading the whole of a table is quicker only
# while it fits on a page or two, and a campaign that begins fills thousands of them before the next plan is made.
PLAN_BY_INDEX = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
PLAN_AS_USUAL = "RESET enable_seqscan"


class BoundByServer(Cursor[tuple[Any, ...]]):
    """Sends the values beside the statement. Every whole number is an int8, or each size would be prepared apart."""

    def __init__(self, link: Connection[Any]) -> None:
        super().__init__(link)
        self.link = link
        self.planned_at = time.monotonic()
        self.planned: set[str] = set()
        self.adapters.register_dumper(int, Int8Dumper)
        self.adapters.register_loader("timestamptz", TimestamptzLoader)


class OfThread(threading.local):
    cursor: BoundByServer | None = None


of_thread = OfThread()


def fetch(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows that a statement returns."""
    connection.ensure_connection()
    cursor = kept_cursor(connection.connection)
    # Only here: the driver keeps the text of what it counts, and the ORM's texts hold all their values.
    cursor.link.prepare_threshold = 0 if settings.PREPARED_STATEMENTS else None
    is_planned = statement in cursor.planned or not settings.PREPARED_STATEMENTS
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    try:
        with nullcontext() if is_planned else planning(cursor, statement):
            wrap(cursor).execute(statement, values)  # type: ignore[arg-type]  # the stubs ask for a wrapped cursor
    finally:
        cursor.link.prepare_threshold = None
    return cursor.fetchall()


@contextmanager
def planning(cursor: BoundByServer, statement: str) -> Iterator[None]:
    """What runs for the first time is planned by now."""
    link = cursor.link
    with connection.wrap_database_errors:
        Cursor(link).execute(PLAN_BY_INDEX, prepare=False)
    try:
        yield
        cursor.planned.add(statement)
    finally:
        # In a transaction that failed its rollback does this.
        if link.info.transaction_status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            with connection.wrap_database_errors:
                Cursor(link).execute(PLAN_AS_USUAL, prepare=False)


def kept_cursor(link: Connection[Any]) -> BoundByServer:
    """Making a cursor costs more than sending through it."""
    cursor = of_thread.cursor
    if cursor is None or cursor.link is not link:
        cursor = of_thread.cursor = BoundByServer(link)
    elif time.monotonic() - cursor.planned_at > PLANS_KEPT_SECONDS:
        cursor.planned_at = time.monotonic()
        cursor.planned.clear()
        with connection.wrap_database_errors:
            link.execute("DISCARD PLANS")
    return cursor
