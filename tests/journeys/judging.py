"""A reviewer's hands: keys on the judging page, and what the page and the tables say afterwards."""

from dataclasses import dataclass

from playwright.sync_api import Page, Response, expect

from annotations.models import Assignment, Campaign, Judgment, Seat
from evalsite.platform.models import User
from tests.factories.annotations_ import make_campaign, make_reviewer, make_seat

# A busy machine is slow, which is no failure.


@dataclass(frozen=True)
class Round:
    campaign: Campaign
    seat: Seat
    reviewer: User

    @property
    def address(self) -> str:
        return f"/review/{self.campaign.uuid}/"

    def judgments(self) -> list[Judgment]:
        mine = Judgment.objects.filter(assignment__campaign=self.campaign, assignment__reviewer=self.reviewer)
        return list(mine.order_by("created_at"))

    def choices(self) -> list[str]:
        return [judgment.choice for judgment in self.judgments()]

    def open_pair(self) -> Assignment:
        mine = Assignment.objects.filter(campaign=self.campaign, reviewer=self.reviewer)
        return mine.select_related("task").get(state=Assignment.State.OPEN)


def make_round(*, tasks: int = 4, reviewer: User | None = None) -> Round:
    campaign = make_campaign(tasks=tasks)
    seat = make_seat(campaign=campaign, reviewer=reviewer or make_reviewer())
    return Round(campaign, seat, seat.reviewer)


def pair_on(page: Page) -> str:
    return page.locator("#turn").get_attribute("data-pair") or ""


def submit_by_enter(page: Page) -> Response:
    """Press Enter and wait for the answer to have replaced the pair."""
    before = pair_on(page)
    with page.expect_response(lambda response: response.url.endswith("/submit")) as answer:
        page.keyboard.press("Enter")
    expect(page.locator(f'#turn:not([data-pair="{before}"])')).to_be_attached()
    return answer.value


def vote(page: Page, key: str) -> Response:
    page.keyboard.press(key)
    return submit_by_enter(page)


def chosen(page: Page) -> list[str]:
    found = page.locator('[data-choice][aria-pressed="true"]').all()
    return [button.get_attribute("value") or "" for button in found]
