import pytest

from annotations.models import Seat
from tests.annotations.pages import browser_of
from tests.factories.annotations_ import claim_some, judge, make_campaign, make_reviewer, make_seat
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


def test_a_reviewer_sees_own_campaigns_with_progress_and_pace() -> None:
    reviewer = make_reviewer()
    seat = make_seat(campaign=make_campaign(tasks=10, title="Mine"), reviewer=reviewer)
    make_seat(campaign=make_campaign(tasks=1, title="Somebody else's"))
    make_seat(campaign=make_campaign(title="Not out yet", status="draft"), reviewer=reviewer)
    judge(seat, claim_some(seat))
    Seat.objects.filter(pk=seat.pk).update(active_ms=90_000)
    html = browser_of(reviewer).get("/review/").content.decode()
    assert "Mine" in html
    assert "1 judged, 9 left for you · 1:30 min a pair · about 14 min" in html
    assert "Somebody" not in html
    assert "Not out yet" not in html


def test_with_nothing_to_do_the_page_says_what_happens_next() -> None:
    assert b"A lead seats you" in browser_of(make_reviewer()).get("/review/").content


def test_closed_campaigns_are_folded_away() -> None:
    seat = make_seat(campaign=make_campaign(status="closed", title="Old round"))
    html = browser_of(seat.reviewer).get("/review/").content.decode()
    assert "1 closed campaign" in html


def test_leads_are_told_why_they_do_not_judge() -> None:
    response = browser_of(make_user(roles=["lead"])).get("/review/")
    assert response.status_code == 403
