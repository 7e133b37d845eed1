"""A reviewer judges with the keyboard in a real browser."""

import pytest
from playwright.sync_api import expect

from annotations.models import Assignment, Flag
from tests.journeys.accessibility import assert_accessible
from tests.journeys.judging import chosen, make_round, pair_on, submit_by_enter, vote
from tests.running.browser import WatchedBrowser


@pytest.mark.parametrize(
    ("key", "choice"),
    [
        *(("a", "a"), ("1", "a"), ("b", "b"), ("2", "b"), ("B", "b")),
        *(("e", "tie"), ("3", "tie"), ("0", "tie"), ("n", "both_bad"), ("4", "both_bad")),
    ],
)
def test_each_key_chooses_its_verdict(browser: WatchedBrowser, key: str, choice: str) -> None:
    page = browser.new_page(user=(round_ := make_round(tasks=1)).reviewer)
    page.goto(round_.address)
    page.keyboard.press(key)
    assert chosen(page) == [choice]
    assert round_.choices() == []


def test_a_whole_round_without_a_mouse(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=4)
    page = browser.new_page(user=round_.reviewer)
    page.goto("/")
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Begin").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{round_.address}")

    vote(page, "a")
    expect(page.locator("#announcer")).to_contain_text("1 of 4 done")
    expect(page.locator("#pair-heading")).to_be_focused()
    page.keyboard.press("c")
    page.keyboard.type("ab 1234 snf? uE")
    assert chosen(page) == []
    page.keyboard.press("Escape")
    page.locator("#pair-heading").focus()
    page.keyboard.press("b")
    page.locator("#comment").focus()
    before = pair_on(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator(f'#turn:not([data-pair="{before}"])')).to_be_attached()
    vote(page, "e")
    vote(page, "n")

    expect(page.get_by_role("heading", name="That was all for you")).to_be_visible()
    assert round_.choices() == ["a", "b", "tie", "both_bad"]
    assert round_.judgments()[1].comment == "ab 1234 snf? uE"
    assert_accessible(page)


def test_a_submit_brings_the_next_pair_in_the_same_round_trip(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.rpartition('/')[2]}"))
    vote(page, "a")
    assert [line for line in asked if "favicon" not in line] == ["POST submit"]
    assert pair_on(page) == str(round_.open_pair().uuid)


def test_keys_that_must_not_vote_do_not(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=1)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Control+a", "Alt+b", "Space", "x"):
        page.keyboard.press(key)
    assert chosen(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_contain_text("Choose a verdict first")
    assert round_.choices() == []


def test_a_key_held_down_votes_and_submits_once(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    page.keyboard.down("a")
    page.keyboard.press("b")
    page.keyboard.down("a")  # a second "down" without "up" is a repeat
    assert chosen(page) == ["b"]
    page.keyboard.up("a")
    submit_by_enter(page)
    page.keyboard.press("a")
    page.keyboard.down("Enter")
    page.keyboard.down("Enter")
    page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.locator("#announcer")).to_contain_text("2 of 3 done")
    assert round_.choices() == ["b", "a"]


def test_the_question_mark_shows_the_keys_and_votes_wait_behind_it(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=1)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    page.keyboard.press("?")
    overlay = page.get_by_role("dialog", name="Keys")
    expect(overlay).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("a")
    assert chosen(page) == []
    page.keyboard.press("Escape")
    expect(overlay).to_be_hidden()
    page.keyboard.press("a")
    assert chosen(page) == ["a"]


def test_going_back_makes_a_revision_and_keeps_the_first_judgment(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=3)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    first = pair_on(page)
    vote(page, "a")
    second = pair_on(page)
    vote(page, "a")

    for key, expected in (("u", second), ("Backspace", first)):
        page.keyboard.press(key)
        page.wait_for_url(f"**/review/pairs/{expected}/")
    assert chosen(page) == ["a"]
    vote(page, "b")

    assert page.url.endswith(round_.address)
    said = [(judgment.revision, judgment.choice) for judgment in round_.judgments()]
    assert said == [(1, "a"), (1, "a"), (2, "b")]
    changed = Assignment.objects.select_related("current_judgment").get(uuid=first)
    assert changed.current_judgment is not None
    assert changed.current_judgment.choice == "b"
    assert changed.task.judged == 1


def test_skip_and_flag_ask_for_a_reason_in_a_dialog(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=2)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    first = pair_on(page)

    page.keyboard.press("f")
    dialog = page.get_by_role("dialog", name="Flag this pair")
    dialog.get_by_label("A response is garbled or cut off").check()
    assert_accessible(page)
    dialog.get_by_role("button", name="Send the flag").click()
    expect(page.locator("#announcer")).to_contain_text("Flag sent")
    assert Flag.objects.get(assignment__uuid=first).reason == Flag.Reason.BROKEN

    page.keyboard.press("s")
    dialog = page.get_by_role("dialog", name="Skip this pair")
    dialog.get_by_label("I do not know this field").check()
    dialog.get_by_role("button", name="Skip and next").click()
    expect(page.locator(f'#turn:not([data-pair="{first}"])')).to_be_attached()
    assert Assignment.objects.get(uuid=first).state == Assignment.State.SKIPPED


def test_the_guidelines_open_in_place_and_count_as_seen(browser: WatchedBrowser) -> None:
    round_ = make_round(tasks=1)
    page = browser.new_page(user=round_.reviewer)
    page.goto(round_.address)
    page.get_by_role("link", name="Read them").click()
    dialog = page.get_by_role("dialog", name="Guidelines")
    expect(dialog).to_contain_text("Which answer would you send?")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("link", name="Read them")).to_have_count(0)
