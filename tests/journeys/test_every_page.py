"""Follow every link of the example site: each kind of page answers, can be used by everybody, and stays quiet."""

from collections import deque
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.urls import resolve
from playwright.sync_api import Page

from evalsite.platform.models import User
from tests.factories.platform_ import make_user
from tests.journeys.accessibility import problems_of
from tests.running.browser import WatchedBrowser
from tests.test_url_roles import WHO_MAY_SEE

DOWNLOADS = {"import_problems", "openapi", "policy_schema"}
MANY_PAGES = 100
# The list begins with a draft; a running test has pages that no draft has, and a draft can be edited.
LIVE_TESTS = ("/live-tests/support-bot-v2/", "/live-tests/all-visitors/edit")


def path_and_query(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def links_on(page: Page, origin: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    return [path_and_query(link) for link in found if link.startswith(f"{origin}/")]


def is_looked_at(role: str, name: str) -> bool:
    """What leads and admins both see is looked at closely in the lead's tour; the admin's only opens it."""
    return role != "admin" or "lead" not in WHO_MAY_SEE.get(name, ())


def follow_links(page: Page, origin: str, *, role: str) -> tuple[set[str], list[str]]:
    """The names of the pages reached, one address of each, and what is wrong with them."""
    starts = ("/",) if role == "reviewer" else ("/", *LIVE_TESTS)
    waiting, seen, problems = deque(starts), set[str](), list[str]()
    while waiting and len(seen) < MANY_PAGES:
        address = waiting.popleft()
        name = resolve(urlsplit(address).path).url_name or address
        if name in seen or name in DOWNLOADS or name.startswith("export_"):
            continue
        seen.add(name)
        response = page.goto(address)
        if response is None or response.status >= 400:
            problems.append(f"{address} answers {response and response.status}")
            continue
        if is_looked_at(role, name):
            problems += problems_of(page)
        waiting.extend(links_on(page, origin))
    return seen, problems


@pytest.mark.parametrize(
    ("role", "must_reach"),
    [
        ("reviewer", {"home", "review", "judge", "read_guidelines", "recent_pairs", "skip_pair", "flag_pair", "pair"}),
        ("admin", {"home", "people", "new_invitation", "person", "imports", "new_import", "file_import", "jobs"}),
        (
            "lead",
            {
                *("home", "experiments", "experiment", "experiment_pairs", "new_campaign", "campaign"),
                *("experiment_work", "policy", "decisions", "decision", "sign_decision"),
                *("pipelines", "hooks", "new_hook"),
                *("manage_campaign", "campaign_pairs", "campaign_pair", "jobs", "job", "audit", "audit_chain"),
                *("eval_sets", "eval_set", "eval_case", "imports", "file_import"),
                *("runs", "run", "run_cases", "new_run", "comparisons", "comparison", "comparison_changes"),
                *("live_tests", "live_test", "live_test_plan", "new_live_test", "edit_live_test", "step_live_test"),
                *("live_test_units", "live_test_unit", "live_test_refused", "live_test_conflicts", "refused_events"),
                *("models", "model_version", "endpoints", "new_endpoint", "suite_history", "tokens"),
            },
        ),
    ],
)
def test_every_page_somebody_can_reach_is_fit_to_be_used(
    browser: WatchedBrowser, role: str, must_reach: set[str]
) -> None:
    call_command("load_demo")
    user = User.objects.filter(username=role).first() or make_user(username=role, roles=[role])
    reached, problems = follow_links(browser.new_page(user=user), browser.origin, role=role)
    assert not problems, "\n".join(problems)
    assert must_reach <= reached
