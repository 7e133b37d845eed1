import pytest

from annotations.models import Assignment
from tests.annotations.pages import HTMX, address, browser_of, open_page, pair_on
from tests.factories.annotations_ import claim_some, judge, make_campaign, make_reviewer, make_seat

pytestmark = pytest.mark.django_db


def test_skipping_needs_a_reason_and_brings_the_next_pair() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    pair = pair_on(open_page(browser, seat))
    without = browser.post(address("skip_pair", seat), {"pair": pair}, headers=HTMX)
    assert without.status_code == 422
    said = {"pair": pair, "reason": "not_my_field", "comment": "Tax law."}
    following = browser.post(address("skip_pair", seat), said, headers=HTMX)
    assert pair_on(following) != pair
    skipped = Assignment.objects.get(uuid=pair)
    assert (skipped.state, skipped.skip_reason, skipped.skip_comment) == ("skipped", "not_my_field", "Tax law.")


def test_without_javascript_a_page_asks_for_the_reason() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    pair = pair_on(open_page(browser, seat))
    page = browser.get(address("skip_pair", seat), {"pair": str(pair)})
    assert f'value="{pair}"' in page.content.decode()
    response = browser.post(address("skip_pair", seat), {"pair": pair, "reason": "other"})
    assert response.headers["Location"] == address("judge", seat)


def test_a_judged_pair_is_shown_again_instead_of_skipped() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    turn = claim_some(seat)
    judge(seat, turn)
    response = browser_of(seat.reviewer).post(address("skip_pair", seat), {"pair": turn.uuid, "reason": "other"})
    assert response.headers["Location"] == f"/review/pairs/{turn.uuid}/"
    turn.refresh_from_db()
    assert turn.state == "judged"


def test_another_reviewers_pair_cannot_be_skipped() -> None:
    campaign = make_campaign(tasks=2)
    mine, theirs = make_seat(campaign=campaign), make_seat(campaign=campaign)
    turn = claim_some(theirs)
    said = {"pair": turn.uuid, "reason": "other"}
    assert browser_of(mine.reviewer).post(address("skip_pair", mine), said).status_code == 404
    assert browser_of(make_reviewer()).get(address("skip_pair", mine)).status_code == 404
