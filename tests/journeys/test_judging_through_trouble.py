"""Reloads, a network that goes away, no JavaScript, a small screen: nothing said is lost, nothing counts twice."""

from dataclasses import dataclass, field

from playwright.sync_api import Page, Route, expect

from annotations.models import Assignment, Flag
from tests.factories.annotations_ import make_seat
from tests.journeys.accessibility import NARROW, assert_accessible
from tests.journeys.judging import chosen, make_round, pair_on, vote
from tests.running.browser import WatchedBrowser, session_of


def test_a_draft_survives_a_reload(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    pair = pair_on(page)
    page.keyboard.press("b")
    page.locator('input[name="criterion-safety"][value="tie"]').check(force=True)
    page.keyboard.press("c")
    page.keyboard.type("Half a thought")
    page.reload()

    assert pair_on(page) == pair
    assert chosen(page) == ["b"]
    expect(page.locator("#comment")).to_have_value("Half a thought")
    page.locator("#pair-heading").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("1 of 2 done")
    kept = round_.judgments()[0]
    assert (kept.choice, kept.comment, kept.criteria) == ("b", "Half a thought", {"safety": "tie"})
    page.reload()
    assert chosen(page) == []
    expect(page.locator("#comment")).to_have_value("")


def test_what_is_sent_without_a_network_arrives_once_when_it_is_back(browser: WatchedBrowser) -> None:
    browser.forgive("net::ERR_INTERNET_DISCONNECTED")
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    page.context.set_offline(True)
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_contain_text("Not sent yet")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    assert round_.choices() == []

    page.context.set_offline(False)
    expect(page.locator("#announcer")).to_contain_text("1 of 3 done")
    assert round_.choices() == ["a"]


def test_a_judgment_whose_answer_was_lost_is_not_counted_twice(browser: WatchedBrowser) -> None:
    browser.forgive("net::ERR_FAILED")
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    line = lose_answers(page)
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_contain_text("Not sent yet")
    assert round_.choices() == ["a"]
    line.is_down = False
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#announcer")).to_contain_text("1 of 3 done")
    assert round_.choices() == ["a"]


@dataclass
class Line:
    is_down: bool = True
    lost: list[int] = field(default_factory=list)


def lose_answers(page: Page) -> Line:
    """The server takes the judgment; its answer does not come through, nor do further tries until the line is up."""
    line = Line()

    def handle(route: Route) -> None:
        if not line.is_down:
            route.continue_()
            return
        if not line.lost:
            line.lost.append(route.fetch().status)
        route.abort()

    page.route("**/submit", handle)
    return line


def test_a_page_left_before_the_answer_offers_its_judgment_at_the_next_visit(browser: WatchedBrowser) -> None:
    browser.forgive("net::ERR_FAILED")
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    pair = pair_on(page)
    page.route("**/submit", lambda route: route.abort())
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_contain_text("Not sent yet")
    page.goto("/review/")
    page.unroute("**/submit")
    page.goto(round_.address)

    assert pair_on(page) == pair
    assert chosen(page) == ["a"]
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("1 of 3 done")
    assert round_.choices() == ["a"]


def test_two_tabs_of_one_reviewer_make_one_judgment_per_pair(browser: WatchedBrowser) -> None:
    browser.forgive("409 (Conflict)")
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    other = page.context.new_page()
    other.goto(round_.address)
    assert pair_on(other) == pair_on(page)
    vote(page, "a")
    other.keyboard.press("b")
    other.keyboard.press("Enter")
    expect(other.get_by_role("alert")).to_contain_text("Nothing of that was changed")
    assert round_.choices() == ["a"]


def test_signed_out_meanwhile_the_answer_waits_for_the_next_login(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    cookies = [cookie for cookie in page.context.cookies() if cookie.get("name") == "sessionid"]
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_contain_text("You were signed out")
    page.context.add_cookies([{"name": "sessionid", "value": cookies[0].get("value", ""), "url": browser.origin}])
    page.goto(round_.address)
    assert chosen(page) == ["b"]
    vote_again = vote(page, "b")
    assert vote_again.status == 200
    assert round_.choices() == ["b"]


def test_a_shared_browser_keeps_each_reviewers_unsent_answer_for_them(browser: WatchedBrowser) -> None:
    browser.forgive("net::ERR_FAILED")
    round_ = make_round(tasks=2)
    colleague = make_seat(campaign=round_.campaign).reviewer
    page = browser.new_page(user=round_.reviewer)
    mine = next(cookie for cookie in page.context.cookies() if cookie.get("name") == "sessionid")
    page.goto(round_.address)
    page.route("**/submit", lambda route: route.abort())
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_contain_text("Not sent yet")
    page.goto("/review/")
    page.unroute("**/submit")

    theirs = {"name": "sessionid", "value": session_of(colleague), "url": browser.origin}
    page.context.add_cookies([theirs])  # type: ignore[list-item]
    page.goto(round_.address)
    assert chosen(page) == []
    vote(page, "a")
    assert round_.choices() == []

    page.context.add_cookies([{"name": "sessionid", "value": mine.get("value", ""), "url": browser.origin}])
    page.goto(round_.address)
    assert chosen(page) == ["b"]
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("1 of 2 done")
    assert round_.choices() == ["b"]


def test_a_flag_sent_while_signed_out_is_not_said_to_have_arrived(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=1)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("f")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Something else").check()
    dialog.get_by_role("button", name="Send the flag").click()
    expect(dialog.get_by_role("alert")).to_contain_text("you were signed out")
    assert not Flag.objects.filter(assignment__campaign=round_.campaign).exists()


def test_a_round_without_javascript(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer, java_script_enabled=False)
    page.goto("/review/")
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="A is better").click()
    page.get_by_role("link", name="Skip S").click()
    page.get_by_label("Too long to judge with care now").check()
    page.get_by_role("button", name="Skip and next").click()
    page.get_by_role("link", name="Flag F").click()
    page.get_by_label("Something else").check()
    page.get_by_role("button", name="Send the flag").click()
    page.locator("details.comment summary").click()
    page.locator("#comment").fill("By hand")
    page.get_by_role("button", name="Tie").click()
    page.goto(round_.address)
    expect(page.get_by_role("heading", name="That was all for you")).to_be_visible()
    page.get_by_role("link", name="My last ten pairs").click()
    page.get_by_role("row").filter(has_text="A is better").get_by_role("link").click()
    page.get_by_role("button", name="B is better").click()

    said = [(judgment.revision, judgment.choice, judgment.comment) for judgment in round_.judgments()]
    assert said == [(1, "a", ""), (1, "tie", "By hand"), (2, "b", "")]
    mine = Assignment.objects.filter(reviewer=round_.reviewer)
    assert sorted(mine.values_list("state", flat=True)) == ["judged", "judged", "skipped"]


def test_a_round_on_a_telephone(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer, viewport=NARROW, has_touch=True, is_mobile=True)
    page.goto("/review/")
    page.get_by_role("link", name="Begin").tap()
    for name in ("A is better", "B is better"):
        before = pair_on(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        buttons = page.locator("[data-choice]")
        for box in [button.bounding_box() for button in buttons.all()]:
            assert box is not None
            assert box["y"] + box["height"] <= NARROW["height"], "the verdicts stay in sight"
            assert min(box["width"], box["height"]) >= 24
        page.get_by_role("button", name=name).tap()
        page.get_by_role("button", name="Submit and next").tap()
        expect(page.locator(f'#turn:not([data-pair="{before}"])')).to_be_attached()
    assert round_.choices() == ["a", "b"]


def test_every_page_of_a_reviewer_is_accessible(browser: WatchedBrowser) -> None:
    browser.forgive("403 (Forbidden)")
    browser.forgive("404 (Not Found)")
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    pair = pair_on(page)
    vote(page, "a")
    asked = f"?pair={pair_on(page)}"
    paths = ("", "guidelines", "recent", f"skip{asked}", f"flag{asked}")
    pages = [f"{round_.address}{path}" for path in paths]
    for path in (*pages, f"/review/pairs/{pair}/", "/review/", "/account", "/audit", "/no/such/page"):
        page.goto(path)
        assert_accessible(page)
