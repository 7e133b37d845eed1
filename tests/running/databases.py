"""Databases of a test run: one template, migrated once, and a quick copy of it for everybody who needs one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import DatabaseError, connections
from psycopg import sql

from tests.running.servers import one_at_a_time, run_folder

# The run's own part keeps runs apart that share a server given by DATABASE_URL.
RUN = run_folder().name.removeprefix("evalsite-test-").lower()
TEMPLATE = f"evalsite_template_{RUN}"


def this_process() -> str:
    return f"evalsite_test_{RUN}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def switch_to(name: str) -> None:
    """Point Django at another database of the same server, in this thread and those to come."""
    connections["default"].close()
    connections.settings["default"]["NAME"] = name
    connections["default"].settings_dict["NAME"] = name


@contextmanager
def maintenance() -> Iterator[psycopg.Connection]:
    settings: dict[str, Any] = connections.settings["default"]
    arguments = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    given = {name: value for name, value in arguments.items() if value}
    with psycopg.connect(dbname="postgres", autocommit=True, **given) as link:
        yield link


def exists(name: str) -> bool:
    with maintenance() as link:
        return link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def make_template() -> None:
    """Whoever comes first migrates under another name; the template's own name means it is complete."""
    with one_at_a_time("template.lock"):
        if exists(TEMPLATE):
            return
        half = f"{TEMPLATE}_half"
        with maintenance() as link:
            link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(half)))
        switch_to(half)
        call_command("migrate", verbosity=0)
        connections["default"].close()
        with maintenance() as link:
            link.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(half), sql.Identifier(TEMPLATE))
            )


def renew(name: str) -> None:
    """A pristine copy under this name, whoever is still connected to the old one."""
    drop(name)
    with maintenance() as link:
        link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE)))


def empty(name: str) -> None:
    """Back to the template's rows, quicker than a new copy; else a new copy."""
    if not is_emptied(name):
        renew(name)


def is_emptied(name: str) -> bool:
    """Past triggers that forbid DELETE. False where rows of the template changed, or somebody else holds some."""
    migrated = migrated_tables()
    switch_to(name)
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'; SET session_replication_role = replica")
            filled = tables_with_rows(cursor)
            cursor.execute(
                "".join(f'DELETE FROM "{table}";' for table in filled if table not in migrated) or "SELECT 1"
            )
            return {table: count(cursor, table) for table in migrated} == migrated
    except DatabaseError:
        return False
    finally:
        switch_to(name)


def is_quiet(name: str) -> bool:
    """Whether nobody else is in the middle of a transaction there."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state <> 'idle' AND pid <> pg_backend_pid()"
    with maintenance() as link:
        [found] = link.execute(busy, [name]).fetchall()
    return found == (0,)


def tables_with_rows(cursor: Any) -> list[str]:
    tables = connections["default"].introspection.table_names(cursor)
    cursor.execute(" UNION ALL ".join(f"(SELECT '{table}' FROM \"{table}\" LIMIT 1)" for table in tables))
    return [row[0] for row in cursor.fetchall()]


@cache
def migrated_tables() -> dict[str, int]:
    """Tables that migrations fill, with their number of rows."""
    here = connections["default"].settings_dict["NAME"]
    with one_at_a_time("template.lock"):
        switch_to(TEMPLATE)
        with connections["default"].cursor() as cursor:
            found = {table: count(cursor, table) for table in tables_with_rows(cursor)}
        switch_to(here)
    return found


def count(cursor: Any, table: str) -> int:
    cursor.execute(f'SELECT count(*) FROM "{table}"')
    return int(cursor.fetchone()[0])


def drop(name: str) -> None:
    with maintenance() as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
