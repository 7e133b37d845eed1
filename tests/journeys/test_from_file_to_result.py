"""The main job, end to end in real browsers: an admin uploads, a lead opens, two reviewers judge, the lead reads."""

import csv
import json
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from annotations.models import Campaign, Judgment, Seat
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import AuditEntry, Sweep, User
from experiments.models import Experiment
from tests.factories.platform_ import PASSWORD, make_user
from tests.journeys.accessibility import assert_accessible
from tests.journeys.judging import pair_on, vote
from tests.running.browser import WatchedBrowser

N_PAIRS = 6
SLOW = 90_000  # a worker on a busy machine


def rows() -> list[dict[str, Any]]:
    """Candidate answers are told by a word that a test can look for; the last pair is identical."""
    different = [
        {
            "question_id": f"q{number}",
            "prompt": f"How do I return order {number}?",
            "response_a": f"Order {number} goes back within *30 days*.",
            "response_b": f"1. Open **Orders**\n2. Choose {number}\n3. Print the better label",
            "category": ["returns", "orders"][number % 2],
        }
        for number in range(N_PAIRS)
    ]
    same = {
        "question_id": "same",
        "prompt": "Hello?",
        "response_a": "Hello!",
        "response_b": "Hello!",
        "category": "orders",
    }
    return [*different, same]


def log_in(page: Page, user: User) -> None:
    page.goto("/")
    assert_accessible(page)
    page.get_by_label("Name").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def invite_a_reviewer(page: Page) -> str:
    page.get_by_role("link", name="People").click()
    assert_accessible(page)
    page.get_by_role("link", name="Invite").first.click()
    page.get_by_label("Reviewer: judges pairs").check()
    assert_accessible(page)
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Invitation link").input_value()
    assert_accessible(page)
    return link


def upload(page: Page, file: Path) -> None:
    page.goto("/imports/new")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()


def import_the_file(page: Page, tmp_path: Path) -> Experiment:
    broken, whole = tmp_path / "broken.jsonl", tmp_path / "support-answers.jsonl"
    whole.write_text("\n".join(json.dumps(row) for row in rows()))
    broken.write_text(whole.read_text().replace('"prompt": "How do I return order 3?"', '"prompt": " "'))

    page.goto("/imports/new")
    assert_accessible(page)
    upload(page, broken)
    page.get_by_label("Baseline’s response").select_option("response_a", timeout=SLOW)
    page.get_by_role("button", name="Check again with these columns").click()
    problems = page.get_by_role("region", name="Rows with errors and warnings")
    expect(problems).to_contain_text("prompt", timeout=SLOW)
    expect(problems.get_by_role("row").filter(has_text="error")).to_contain_text("4")
    assert_accessible(page)

    upload(page, whole)
    expect(page.get_by_text("Which one is the baseline?")).to_be_visible(timeout=SLOW)
    assert_accessible(page)
    page.get_by_label("Baseline’s response").select_option("response_a")
    page.get_by_role("button", name="Check again with these columns").click()
    expect(page.get_by_text("7 pairs, no error")).to_be_visible(timeout=SLOW)
    assert_accessible(page)
    page.get_by_label("Name of the baseline").fill("Hazel")
    page.get_by_label("Name of the candidate").fill("Rowan")
    page.get_by_label("Name of the experiment").fill("Rowan on support")
    page.get_by_role("button", name="Import 7 pairs").click()
    page.get_by_role("link", name="Open the experiment").click(timeout=SLOW)
    expect(page.get_by_role("heading", level=1)).to_have_text("Rowan on support")
    assert_accessible(page)
    page.goto("/imports/")
    assert_accessible(page)
    return Experiment.objects.get(name="Rowan on support")


def open_a_campaign(page: Page, experiment: Experiment, reviewers: list[User]) -> Campaign:
    page.get_by_role("link", name="Rowan on support").click()
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Title").fill("Answers of March")
    page.get_by_label("Reviewers per pair").fill("2")
    for reviewer in reviewers:
        page.get_by_role("checkbox", name=reviewer.username).check()
    assert_accessible(page)
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Answers of March")
    assert_accessible(page)
    page.get_by_role("button", name="Register the plan and open").click()
    expect(page.get_by_role("link", name="Reviewers and plan")).to_be_visible(timeout=SLOW)
    assert_accessible(page)
    page.get_by_role("link", name="Reviewers and plan").click()
    assert_accessible(page)
    return Campaign.objects.get(title="Answers of March")


def judge_everything(page: Page, *, likes: str) -> int:
    """By keyboard: the response that says `likes` wins, wherever it stands."""
    page.goto("/review/")
    page.get_by_role("link", name="Begin").press("Enter")
    page.wait_for_selector("#turn")
    # A key pressed before the scripts are there is lost.
    page.wait_for_load_state("load")
    done = 0
    while pair_on(page):
        assert "Hazel" not in page.content()
        assert "Rowan" not in page.content()
        left = page.locator("article.response").first.inner_text()
        page.keyboard.press("c")
        page.keyboard.type("because")
        page.locator("#pair-heading").focus()
        vote(page, "a" if likes in left else "b")
        done += 1
    assert_accessible(page)
    return done


def read_the_results(page: Page, campaign: Campaign) -> None:
    page.goto(f"/campaigns/{campaign.uuid}/")
    result = page.get_by_role("region", name="Result", exact=True)
    expect(result).to_contain_text("100", timeout=SLOW)
    expect(page.get_by_role("row").filter(has_text="Identical responses")).to_contain_text("1")
    assert_accessible(page)
    page.get_by_role("link", name="All pairs").click()
    assert_accessible(page)
    page.get_by_role("link", name="q1", exact=True).click()
    expect(page.get_by_role("region", name="Judgments of this pair")).to_contain_text("because")
    assert_accessible(page)
    # This list does not renew itself, and its evidence is gathered by and by.
    assert wait_until(lambda: "100.0%" in row_of_the_experiment(page), seconds=SLOW / 1000, every=1)
    assert_accessible(page)
    page.get_by_role("link", name="Rowan on support").click()
    assert_accessible(page)
    check_downloads(page, campaign)
    page.goto("/jobs/")
    assert_accessible(page)
    page.goto("/audit")
    assert_accessible(page)


def row_of_the_experiment(page: Page) -> str:
    page.goto("/experiments/")
    return page.get_by_role("row").filter(has_text="Rowan on support").inner_text()


def check_downloads(page: Page, campaign: Campaign) -> None:
    for table in ("judgments", "battles", "preferences", "labels"):
        address = f"/campaigns/{campaign.uuid}/exports/{table}"
        expected = N_PAIRS if table == "preferences" else 2 * N_PAIRS
        assert len(page.request.get(f"{address}.jsonl").text().splitlines()) == expected
        assert len(list(csv.DictReader(StringIO(page.request.get(f"{address}.csv").text(), newline="")))) == expected


def a_worker_is_up() -> bool:
    return Sweep.objects.workers_alive(now=timezone.now())


def test_from_a_file_to_a_result(browser: WatchedBrowser, tmp_path: Path) -> None:
    assert wait_until(a_worker_is_up, seconds=60, every=0.5)
    admin, lead = make_user(username="ada", roles=["admin"]), make_user(username="lea", roles=["lead"])
    first = make_user(username="rio", roles=["reviewer"])

    admins = browser.new_page()
    log_in(admins, admin)
    link = invite_a_reviewer(admins)
    experiment = import_the_file(admins, tmp_path)

    guests = browser.new_page()
    guests.goto(link)
    assert_accessible(guests)
    guests.get_by_label("Name").fill("sam")
    guests.get_by_label("Password", exact=True).fill(PASSWORD)
    guests.get_by_label("Password again").fill(PASSWORD)
    guests.get_by_role("button", name="Make the account and log in").click()
    expect(guests.get_by_role("heading", name="My campaigns")).to_be_visible()
    assert_accessible(guests)

    leads = browser.new_page()
    log_in(leads, lead)
    campaign = open_a_campaign(leads, experiment, [first, User.objects.get(username="sam")])

    others = browser.new_page()
    log_in(others, first)
    assert judge_everything(guests, likes="better label") == N_PAIRS
    leads.goto(f"/campaigns/{campaign.uuid}/")
    expect(leads.get_by_role("region", name="Result", exact=True)).to_contain_text("Hidden", timeout=SLOW)
    assert_accessible(leads)
    assert judge_everything(others, likes="better label") == N_PAIRS

    assert Judgment.objects.filter(assignment__campaign=campaign).count() == 2 * N_PAIRS
    assert Counter(Seat.objects.filter(campaign=campaign).values_list("done", flat=True)) == {N_PAIRS: 2}
    read_the_results(leads, campaign)
    done = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"invitation.accepted", "import.committed", "campaign.opened"} <= done
