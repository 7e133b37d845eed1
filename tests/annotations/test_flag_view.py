from uuid import uuid4

import pytest

from annotations.models import Flag
from tests.annotations.pages import HTMX, address, browser_of, open_page, pair_on
from tests.factories.annotations_ import claim_some, make_campaign, make_seat

pytestmark = pytest.mark.django_db


def test_a_flag_is_kept_and_the_pair_stays() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    pair = pair_on(open_page(browser, seat))
    said = {"pair": pair, "flag": uuid4(), "reason": "unblinds", "comment": "It says its name."}
    assert browser.post(address("flag_pair", seat), said, headers=HTMX).status_code == 204
    assert browser.post(address("flag_pair", seat), said, headers=HTMX).status_code == 204
    flag = Flag.objects.get()
    assert (flag.assignment.uuid, flag.reason, flag.comment) == (pair, "unblinds", "It says its name.")
    assert pair_on(open_page(browser, seat)) == pair


def test_the_same_flag_with_other_content_is_a_conflict() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    said = {"pair": claim_some(seat).uuid, "flag": uuid4(), "reason": "broken"}
    browser.post(address("flag_pair", seat), said)
    assert browser.post(address("flag_pair", seat), {**said, "reason": "harmful"}).status_code == 409


def test_without_javascript_a_page_asks_and_leads_back_to_the_pair() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    pair = pair_on(open_page(browser, seat))
    page = browser.get(address("flag_pair", seat), {"pair": str(pair)})
    flag = page.context["form"]["flag"].value()
    response = browser.post(address("flag_pair", seat), {"pair": pair, "flag": flag, "reason": "personal"})
    assert response.headers["Location"] == f"/review/pairs/{pair}/"
    assert browser.post(address("flag_pair", seat), {"pair": pair, "flag": flag}).status_code == 422


def test_another_reviewers_pair_cannot_be_flagged() -> None:
    campaign = make_campaign(tasks=2)
    mine, theirs = make_seat(campaign=campaign), make_seat(campaign=campaign)
    said = {"pair": claim_some(theirs).uuid, "flag": uuid4(), "reason": "broken"}
    assert browser_of(mine.reviewer).post(address("flag_pair", mine), said).status_code == 404
    assert not Flag.objects.exists()
