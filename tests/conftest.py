"""Fixtures of every test: real PostgreSQL and Valkey of this run, and a database per process."""

import os
import shutil
from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from tests.running import databases
from tests.running.servers import RunServers, remove_folders_of_killed_runs, run_folder

RUN_SERVERS = RunServers()
FIRST_PROCESS = "PYTEST_XDIST_WORKER" not in os.environ


def pytest_configure(config: pytest.Config) -> None:
    # With xdist this process runs no test itself, but the servers must outlive every worker.
    if FIRST_PROCESS and config.getoption("numprocesses", default=None):
        RUN_SERVERS.start()


def pytest_unconfigure() -> None:
    if FIRST_PROCESS:
        connections.close_all()
        RUN_SERVERS.stop()
        shutil.rmtree(run_folder(), ignore_errors=True)
        remove_folders_of_killed_runs()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    if FIRST_PROCESS:
        RUN_SERVERS.start()
    with django_db_blocker.unblock():
        databases.make_template()
        databases.renew(databases.this_process())
        databases.switch_to(databases.this_process())
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        databases.drop(databases.this_process())


def clean_up_after_commit(self: TransactionTestCase) -> None:
    """Not by TRUNCATE, which append-only tables refuse and which would lose migrated rows."""
    databases.empty(databases.this_process())


TransactionTestCase._fixture_teardown = clean_up_after_commit  # type: ignore[attr-defined]
