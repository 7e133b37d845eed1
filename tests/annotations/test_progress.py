"""How many pairs are left for a reviewer, when others are further or slower."""

import pytest

from annotations.reports import progress, seated
from tests.factories.annotations_ import claim_some, judge, judge_all, make_campaign, make_seat

pytestmark = pytest.mark.django_db


def test_where_each_pair_needs_everybody_the_others_work_leaves_no_less_to_do() -> None:
    campaign = make_campaign(tasks=6, reviewers_per_pair=3)
    mine, *others = [make_seat(campaign=campaign) for _ in range(3)]
    for seat in others:
        judge_all(seat)
    judge(mine, claim_some(mine))
    found = progress.of_seat(seated.in_campaign(campaign=campaign.uuid, reviewer=mine.reviewer))
    assert (found.done, found.left) == (1, 5)
    assert not found.shared


def test_where_fewer_are_needed_than_there_are_the_rest_is_shared_out() -> None:
    campaign = make_campaign(tasks=6, reviewers_per_pair=1)
    mine, other = make_seat(campaign=campaign), make_seat(campaign=campaign)
    judge(other, claim_some(other))
    found = progress.of_seat(seated.in_campaign(campaign=campaign.uuid, reviewer=mine.reviewer))
    assert (found.done, found.left) == (0, 3)
    assert found.shared
