"""The site's own processes, and a browser that tells on every page."""

import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import User
from tests.factories.platform_ import make_user
from tests.running.browser import WatchedBrowser
from tests.running.live_stack import LiveStack


def readiness(stack: LiveStack) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{stack.url}/readyz", timeout=10) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error))
    except OSError:
        # Nobody answers yet.
        return {}


def is_ready(found: dict[str, Any]) -> bool:
    """Every part says ok, and a worker swept a moment ago."""
    age = found.pop("last_sweep_seconds_ago", None)
    return set(found.values()) == {"ok"} and age is not None and 0 <= age < 30


def test_every_part_becomes_ready_worker_included(live_stack: LiveStack) -> None:
    assert wait_until(lambda: is_ready(readiness(live_stack)), seconds=90, every=0.5), (
        readiness(live_stack),
        live_stack.logs(),
    )


def test_the_test_writes_to_the_database_that_the_site_reads(live_stack: LiveStack) -> None:
    make_user(username="seen-by-the-site")
    assert User.objects.filter(username="seen-by-the-site").exists()
    assert live_stack.database != "evalsite"


def test_a_web_process_killed_with_9_is_replaced(live_stack: LiveStack) -> None:
    children = child_pids(live_stack.web.pid)
    os.kill(children[0], signal.SIGKILL)
    assert wait_until(lambda: len(set(child_pids(live_stack.web.pid)) - set(children)) == 1, seconds=60)
    assert wait_until(lambda: readiness(live_stack).get("database") == "ok", seconds=60)


def as_html(route: Route) -> None:
    """Chromium does not hold its own frame around a plain text to the policy."""
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-type": "text/html"})


def child_pids(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    "markup",
    ["<img src='https://example.org/x.png'>", "<p style='color: red'>red</p>", "<img src=x onerror='alert(1)'>"],
)
def test_what_the_policy_forbids_is_noticed(browser: WatchedBrowser, markup: str) -> None:
    page = browser.new_page()
    page.route("**/healthz", as_html)
    page.goto("/healthz")
    page.evaluate("markup => { document.body.innerHTML = markup }", markup)
    assert is_noticed(browser, page, "Content Security Policy")


def test_a_request_to_another_origin_is_stopped_and_noticed(browser: WatchedBrowser) -> None:
    page = browser.new_page(bypass_csp=True)
    page.goto("/healthz")
    page.evaluate("document.body.innerHTML = '<img src=\"https://example.org/x.png\">'")
    assert is_noticed(browser, page, "request to another origin: https://example.org/x.png")


def test_an_uncaught_error_is_noticed(browser: WatchedBrowser) -> None:
    page = browser.new_page()
    page.goto("/healthz")
    page.evaluate("setTimeout(() => { throw new Error('on purpose') })")
    assert is_noticed(browser, page, "on purpose")


def is_noticed(browser: WatchedBrowser, page: Page, text: str, *, seconds: float = 20) -> bool:
    """And forgotten, with whatever else the page does until it is closed."""

    def noted() -> bool:
        # Playwright tells what happened only while it is asked for something.
        page.wait_for_timeout(20)
        return text in str(browser.problems)

    noticed = wait_until(noted, seconds=seconds)
    page.close()
    if noticed:
        browser.problems.clear()
    return noticed
