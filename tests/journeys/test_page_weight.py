"""What the judging page costs: bytes over the wire, requests, and movement under the reviewer's eyes."""

from playwright.sync_api import CDPSession, Page

from tests.journeys.judging import make_round, vote
from tests.running.browser import WatchedBrowser

MOST_BYTES = 60 * 1024
MOST_REQUESTS = 16
SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
        window.shifts.push([entry.value, entry.sources.map(source => source.node?.className ?? "").join(" ")]);
    }
}).observe({type: "layout-shift", buffered: true});
"""
# Two frames later whatever moves has moved.
SETTLED = "() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"


class Meter:
    """Bytes as they came over the wire, headers included."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("Network.enable")
        self.session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self.sizes: dict[str, float] = {}
        self.session.on("Network.loadingFinished", self.note)

    def note(self, event: dict[str, object]) -> None:
        self.sizes[str(event["requestId"])] = float(str(event["encodedDataLength"]))

    @property
    def total(self) -> float:
        return sum(self.sizes.values())


def test_the_judging_page_is_light(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    meter = Meter(page)
    page.goto(round_.address, wait_until="networkidle")
    assert 0 < meter.total <= MOST_BYTES, meter.sizes
    assert len(meter.sizes) <= MOST_REQUESTS


def test_the_next_pair_costs_one_small_answer(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address, wait_until="networkidle")
    meter = Meter(page)
    vote(page, "a")
    page.wait_for_load_state("networkidle")
    assert len(meter.sizes) == 1
    assert meter.total <= 12 * 1024


def test_nothing_moves_under_the_reviewers_eyes(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.add_init_script(SHIFTS)
    page.goto(round_.address, wait_until="networkidle")
    page.evaluate(SETTLED)
    assert page.evaluate("window.shifts") == []
    page.keyboard.press("a")
    page.evaluate(SETTLED)
    assert page.evaluate("window.shifts") == []
