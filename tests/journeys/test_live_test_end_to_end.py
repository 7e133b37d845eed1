"""A lead plans a live test, starts it, watches traffic come in without a reload, reads the result, and stops it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

from django.utils import timezone
from playwright.sync_api import Page, expect

from evalsite.platform import api_tokens
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import Sweep
from experiments.models import Exposure, LiveResult, LiveTest
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import make_user
from tests.journeys.accessibility import assert_accessible
from tests.running.browser import WatchedBrowser

SLOW = 90_000  # a worker on a busy machine
KEY = "kinder-replies"
MOST_EVENTS = 500
# What the page says of both arms, added up.
UNITS_ARE = """n => [...document.querySelectorAll("#state a[href*='units/?arm=']")]
    .reduce((sum, link) => sum + Number(link.textContent.replaceAll(",", "")), 0) === n"""


class Application:
    """A program with a token, as one of a customer's."""

    def __init__(self, origin: str, token: str) -> None:
        self.origin, self.token = origin, token

    def post(self, path: str, body: object) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = Request(f"{self.origin}/api/v1/{path}", json.dumps(body).encode(), headers)
        with urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def meet(self, units: Sequence[str]) -> dict[str, str]:
        found = self.post("assign", {"experiment": KEY, "unit_ids": list(units)})
        return {one["unit_id"]: one["arm"] for one in found["assignments"]}

    def tell(self, events: Sequence[dict[str, Any]]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for start in range(0, len(events), MOST_EVENTS):
            for status, n in self.post("events", events[start : start + MOST_EVENTS])["counts"].items():
                counts[status] = counts.get(status, 0) + n
        return counts


def event(unit: str, name: str, **more: Any) -> dict[str, Any]:
    at = datetime.now(tz=UTC).isoformat()
    return {"event_id": str(uuid4()), "event": name, "experiment": KEY, "unit_id": unit, "timestamp": at, **more}


def traffic(application: Application, numbers: range) -> None:
    """In control 6 of 10 complete their task, in treatment 9 of 10: by number, so that every run sees the same."""
    arms = application.meet([f"user-{number}" for number in numbers])
    done: list[dict[str, Any]] = []
    for arm, completes in (("control", 6), ("treatment", 9)):
        units = [unit for unit, given in arms.items() if given == arm]
        done += [event(unit, "task_completed") for place, unit in enumerate(units) if place % 10 < completes]
    assert application.tell(done) == {"accepted": len(done)}


def choose(page: Page, label: str, words: str) -> None:
    field = page.get_by_label(label).first
    field.select_option(value=field.get_by_role("option").filter(has_text=words).get_attribute("value"))


def plan(page: Page) -> None:
    page.goto("/live-tests/")
    assert_accessible(page)
    page.get_by_role("link", name="Plan the first live test").click()
    page.get_by_label("Name", exact=True).first.fill("Kinder replies")
    page.get_by_label("Key").first.fill(KEY)
    choose(page, "Experiment", "Replies of the support bot")
    page.get_by_label("Expected in control").fill("60 %")
    page.get_by_label("Smallest effect").fill("8 %")
    page.get_by_label("New units a day").fill("400")
    page.get_by_role("button", name="Work out the size").click()
    expect(page.get_by_role("complementary").or_(page.locator("#size")).first).to_contain_text("units")
    assert_accessible(page)
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Kinder replies")
    expect(page.get_by_text("Nothing is routed and nothing is on record.")).to_be_visible()
    assert_accessible(page)


def register_and_start(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Register the plan").click()
    expect(page.get_by_text("Registered, not started.")).to_be_visible()
    expect(page.get_by_text("SHA-256")).to_be_visible()
    page.get_by_role("button", name="Start the test").click()
    expect(page.get_by_role("heading", name="No unit yet")).to_be_visible()
    expect(page.get_by_role("heading", name="How to send events")).to_be_visible()
    assert_accessible(page)


def watch(page: Page, application: Application) -> None:
    """The page is loaded once; what it shows afterwards came by itself."""
    page.evaluate("window.neverReloaded = true")
    traffic(application, range(300))
    standing = page.get_by_role("region", name="How far")
    expect(standing).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    method = page.locator("#method-completion")
    expect(method).to_be_visible(timeout=SLOW)
    method.locator("summary").click()
    before = units_shown(page)
    traffic(application, range(300, 1_200))
    page.wait_for_function(UNITS_ARE, arg=1_200, timeout=SLOW)
    assert before < units_shown(page) == 1_200
    expect(method).to_have_attribute("open", "")
    assert page.evaluate("window.neverReloaded")


def units_shown(page: Page) -> int:
    links = page.locator("#state a[href*='units/?arm=']").all_text_contents()
    return sum(int(words.replace(",", "")) for words in links)


def read(page: Page) -> None:
    """Units are known at once, the sums of their events some seconds later."""
    finding = page.get_by_role("region", name="Finding")
    expect(finding).to_contain_text("Better", timeout=SLOW)
    row = page.get_by_role("region", name="Metrics of both arms").get_by_role("row").filter(has_text="primary")
    expect(row).to_contain_text("60.", timeout=SLOW)
    expect(row).to_contain_text("90.", timeout=SLOW)
    expect(row).to_contain_text("significant")
    exposures = page.locator("figure[data-chart=lines]")
    expect(exposures.locator("canvas")).to_be_visible()
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte)"
    assert exposures.locator("canvas").evaluate(drawn)
    exposures.get_by_text("As a table").click()
    expect(exposures.get_by_role("table")).to_be_visible()
    assert_accessible(page)


def look_behind(page: Page) -> None:
    page.goto(f"/live-tests/{KEY}/units/?arm=treatment")
    expect(page.get_by_role("table")).to_contain_text("yes")
    page.get_by_role("link", name="user-").first.click()
    expect(page.get_by_role("heading", name="Events")).to_be_visible()
    assert_accessible(page)
    page.goto(f"/live-tests/{KEY}/refused")
    expect(page.get_by_role("table")).to_contain_text("never exposed")
    assert_accessible(page)


def stop(page: Page) -> None:
    page.goto(f"/live-tests/{KEY}/")
    page.get_by_role("link", name="Stop", exact=True).click()
    page.get_by_label("Why stop?").fill("Shown to be better; the candidate goes to everybody.")
    page.get_by_role("button", name="Stop the test").click()
    expect(page.get_by_text("the candidate goes to everybody").first).to_be_visible()
    expect(page.get_by_text("stopped before the planned size", exact=False).first).to_be_visible()
    assert_accessible(page)


def test_from_a_plan_to_a_result_that_was_watched(browser: WatchedBrowser) -> None:
    assert wait_until(lambda: Sweep.objects.workers_alive(now=timezone.now()), seconds=60, every=0.5)
    lead = make_user(username="ada", roles=["lead"])
    make_experiment(name="Replies of the support bot")
    token = api_tokens.make(name="shop", scopes=("events",), expires_at=None, created_by=lead, now=timezone.now())[1]
    application = Application(browser.origin, token)
    page = browser.new_page(user=lead)

    plan(page)
    register_and_start(page)
    watch(page, application)
    read(page)
    assert application.tell([event("user-nobody-met", "task_completed")]) == {"not_exposed": 1}
    look_behind(page)
    stop(page)

    live_test = LiveTest.objects.get(key=KEY)
    assert live_test.status == LiveTest.Status.STOPPED
    assert Exposure.objects.filter(live_test=live_test).count() == 1_200
    assert LiveResult.objects.get(live_test=live_test).payload["exposed"]["control"] > 500
