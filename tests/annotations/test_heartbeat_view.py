from datetime import timedelta

import pytest
from django.utils import timezone

from annotations.models import Assignment
from annotations.services import assignments
from tests.annotations.pages import address, browser_of
from tests.factories.annotations_ import claim_some, judge_all, make_campaign, make_seat

pytestmark = pytest.mark.django_db


def test_a_heartbeat_renews_the_lease() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    response = browser_of(seat.reviewer).post(address("heartbeat", seat), {"pair": turn.uuid})
    assert response.json() == {"held": True}
    turn.refresh_from_db()
    assert turn.lease_until > timezone.now() + timedelta(minutes=29)


def test_a_lapsed_pair_is_taken_up_again_while_a_place_is_free() -> None:
    campaign = make_campaign(tasks=1, reviewers_per_pair=1)
    seat, other = make_seat(campaign=campaign), make_seat(campaign=campaign)
    turn = claim_some(seat)
    assignments.release_expired(now=timezone.now())
    browser = browser_of(seat.reviewer)
    assert browser.post(address("heartbeat", seat), {"pair": turn.uuid}).json() == {"held": True}
    Assignment.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assignments.release_expired(now=timezone.now())
    judge_all(other)
    assert browser.post(address("heartbeat", seat), {"pair": turn.uuid}).json() == {"held": False}


def test_another_reviewers_pair_and_nonsense_are_404() -> None:
    campaign = make_campaign(tasks=2)
    mine, theirs = make_seat(campaign=campaign), make_seat(campaign=campaign)
    browser = browser_of(mine.reviewer)
    assert browser.post(address("heartbeat", mine), {"pair": claim_some(theirs).uuid}).status_code == 404
    assert browser.post(address("heartbeat", mine), {"pair": "nonsense"}).status_code == 404
