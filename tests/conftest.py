"""Fixtures of every test: real PostgreSQL and Valkey of this run, and a database per process."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser
from pytest_django import DjangoDbBlocker

from tests.running import databases
from tests.running.browser import WatchedBrowser, running_chromium
from tests.running.kept_stack import KeptStack
from tests.running.live_stack import LiveStack
from tests.running.servers import RunServers, remove_folders_of_killed_runs, run_folder

RUN_SERVERS, KEPT_STACK = RunServers(), KeptStack()
NEED_THE_SITE: set[Path] = set()
# Playwright keeps an event loop in the tests' thread, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
# A deadline measures how busy the machine is, and a run that fails must fail again.
hypothesis_settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis_settings.load_profile("suite")
FIRST_PROCESS = "PYTEST_XDIST_WORKER" not in os.environ


# Files of few tests that take long: begun last, they would be all that runs at the end.
LONG = ("tests/journeys/", "tests/prove/", "tests/platform/test_up.py", "tests/api/test_schema.py")


def pytest_xdist_auto_num_workers() -> int:
    """Half of the suite's time is waiting for browsers, workers and commits."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """At first the files that need the live site, which is then stopped; then all others that take long."""
    NEED_THE_SITE.update(item.path for item in items if "module_stack" in getattr(item, "fixturenames", ()))
    items.sort(key=lambda item: (item.path not in NEED_THE_SITE, not item.nodeid.startswith(LONG)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path not in NEED_THE_SITE:
        KEPT_STACK.stop()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed on the live site shows what the site wrote."""
    report = yield
    if report.failed and item.path in NEED_THE_SITE and KEPT_STACK.stack:
        report.sections.append(("the live site", KEPT_STACK.stack.logs()))
    return report


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
        KEPT_STACK.stop()
        databases.drop(databases.this_process())


def clean_up_after_commit(self: TransactionTestCase) -> None:
    """Not by TRUNCATE, which append-only tables refuse and which would lose migrated rows."""
    databases.empty(databases.this_process())


TransactionTestCase._fixture_teardown = clean_up_after_commit  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def module_stack(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> LiveStack:
    """The real site, with nothing in it at the start of a module."""
    with django_db_blocker.unblock():
        stack = KEPT_STACK.fresh(number=process_number())
        databases.switch_to(databases.this_process())
    return stack


@pytest.fixture
def live_stack(module_stack: LiveStack, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveStack]:
    """Meanwhile the ORM of the test works on the site's own database."""
    with django_db_blocker.unblock():
        databases.switch_to(module_stack.database)
        yield module_stack
        databases.switch_to(databases.this_process())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def browser(live_stack: LiveStack, chromium: Browser) -> Iterator[WatchedBrowser]:
    """Pages of the live site; any console error, foreign request or CSP violation fails the test."""
    watched = WatchedBrowser(chromium=chromium, origin=live_stack.url)
    yield watched
    watched.close()
    assert watched.problems == []


def process_number() -> int:
    """1 for the only process or gw0, 2 for gw1, ..."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
