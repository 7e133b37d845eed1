"""Statements of the busiest path, parsed and planned once per connection instead of at every request.

Django sends the ORM's statements with their values written in, so PostgreSQL plans each anew. For the few statements
of judging that took three times as long as running them.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import Connection, Cursor
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.numeric import Int8Dumper

# A plan made while a table was small reads all of it, also when it has grown; a new one costs a few milliseconds.
PLANS_KEPT_SECONDS = 5.0


class BoundByServer(Cursor[tuple[Any, ...]]):
    """Sends the values beside the statement. Every whole number is an int8, or each size would be prepared apart."""

    def __init__(self, link: Connection[Any]) -> None:
        super().__init__(link)
        self.link = link
        self.planned_at = time.monotonic()
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
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    try:
        wrap(cursor).execute(statement, values)  # type: ignore[arg-type]  # the stubs ask for a wrapped cursor
    finally:
        cursor.link.prepare_threshold = None
    return cursor.fetchall()


def kept_cursor(link: Connection[Any]) -> BoundByServer:
    """Making a cursor costs more than sending through it."""
    cursor = of_thread.cursor
    if cursor is None or cursor.link is not link:
        cursor = of_thread.cursor = BoundByServer(link)
    elif time.monotonic() - cursor.planned_at > PLANS_KEPT_SECONDS:
        cursor.planned_at = time.monotonic()
        with connection.wrap_database_errors:
            link.execute("DISCARD PLANS")
    return cursor
