import pytest
from django.test import Client

from annotations.models import Assignment, Campaign, Criterion, Seat
from annotations.services import guidelines, seats
from tests.annotations.pages import HTMX, address, browser_of, open_page, pair_on
from tests.factories.annotations_ import claim_some, judge_all, make_campaign, make_reviewer, make_seat, make_task
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db


def test_the_page_shows_prompt_and_both_responses_rendered_and_raw() -> None:
    campaign = make_campaign()
    make_task(campaign=campaign, prompt="Why *so*?", response_1="Because **one**.", response_2="Because `two`.")
    seat = make_seat(campaign=campaign)
    html = open_page(browser_of(seat.reviewer), seat).content.decode()
    assert "Why *so*?" in html
    assert "<strong>one</strong>" in html
    assert "<code>two</code>" in html
    assert "Because **one**." in html
    assert campaign.question in html


def test_system_prompt_and_earlier_turns_can_be_unfolded() -> None:
    campaign = make_campaign()
    make_task(campaign=campaign, system="You help.", turns=[{"role": "user", "content": "Hi there"}])
    seat = make_seat(campaign=campaign)
    html = open_page(browser_of(seat.reviewer), seat).content.decode()
    assert html.count('<details class="fold">') == 2
    assert "You help." in html
    assert "Hi there" in html


def test_a_reload_shows_the_same_pair_with_the_same_sides() -> None:
    seat = make_seat(campaign=make_campaign(tasks=10))
    browser = browser_of(seat.reviewer)
    first, second = open_page(browser, seat), open_page(browser, seat)
    assert pair_on(first) == pair_on(second)
    html = [page.content.decode().partition('class="responses"')[2].partition("</main>")[0] for page in (first, second)]
    assert html[0] == html[1]


def test_only_the_main_part_is_sent_to_a_script() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    browser = browser_of(seat.reviewer)
    part = browser.get(address("judge", seat), headers=HTMX)
    assert part.content.decode().lstrip().startswith('<div id="turn"')
    assert "HX-Request" in part.headers["Vary"]


def test_verdicts_the_campaign_does_not_allow_are_not_offered() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1, allow_tie=False, allow_both_bad=False))
    html = open_page(browser_of(seat.reviewer), seat).content.decode()
    assert html.count("data-choice") == 2


def test_required_criteria_are_marked() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    Criterion.objects.filter(key="safety").update(required=True, label="Safety first")
    html = open_page(browser_of(seat.reviewer), seat).content.decode()
    assert html.count(" required>") == 3


def test_a_finished_reviewer_is_thanked() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    judge_all(seat)
    html = open_page(browser_of(seat.reviewer), seat).content.decode()
    assert "That was all for you" in html
    assert "2 pairs" in html


@pytest.mark.parametrize(("status", "words"), [("paused", "Paused"), ("closed", "This campaign is closed")])
def test_a_campaign_that_is_not_open_says_so(status: str, words: str) -> None:
    seat = make_seat(campaign=make_campaign(tasks=2, status=status))
    assert words in open_page(browser_of(seat.reviewer), seat).content.decode()


def test_a_held_pair_can_be_finished_while_the_campaign_is_paused() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    held = claim_some(seat)
    Campaign.objects.update(status=Campaign.Status.PAUSED)
    assert pair_on(open_page(browser_of(seat.reviewer), seat)) == held.uuid


def test_a_held_pair_is_not_asked_for_once_the_campaign_is_closed() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    claim_some(seat)
    Campaign.objects.update(status=Campaign.Status.CLOSED)
    assert "This campaign is closed" in open_page(browser_of(seat.reviewer), seat).content.decode()


def test_changed_guidelines_are_announced_until_they_are_read() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    browser = browser_of(seat.reviewer)
    assert "New here?" in open_page(browser, seat).content.decode()
    browser.get(address("read_guidelines", seat))
    assert "data-news" not in open_page(browser, seat).content.decode()
    guidelines.publish(campaign=seat.campaign, text="Newer.", now=NOW)
    assert "this is version 2" in open_page(browser, seat).content.decode()


def test_strangers_drafts_and_the_removed_get_404() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    assert open_page(browser_of(make_reviewer()), seat).status_code == 404
    draft = make_seat(campaign=make_campaign(tasks=1, status="draft"))
    assert open_page(browser_of(draft.reviewer), draft).status_code == 404
    seats.remove(seat=seat, now=NOW)
    assert open_page(browser_of(seat.reviewer), seat).status_code == 404


@pytest.mark.parametrize("roles", [["lead"], ["admin"], ["reviewer", "lead"], ["reviewer", "admin"]])
def test_who_can_see_arms_cannot_judge_even_when_seated_before(roles: list[str]) -> None:
    campaign = make_campaign(tasks=1)
    person = make_user(roles=roles)
    Seat.objects.create(campaign=campaign, reviewer=person, created_at=NOW, ring_start=0, ring_cursor=0)
    seat = Seat.objects.get(reviewer=person)
    assert open_page(browser_of(person), seat).status_code == 403
    assert not Assignment.objects.exists()


def test_a_visitor_is_sent_to_the_login() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    response = Client().get(address("judge", seat))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login")
