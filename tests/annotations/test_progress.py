import pytest

from annotations.models import Seat
from annotations.reports import progress, seated
from annotations.reports.progress import Progress
from tests.factories.annotations_ import claim_some, judge, make_campaign, make_seat, skip

pytestmark = pytest.mark.django_db


def progress_of(seat: Seat) -> Progress:
    return progress.of_seat(seated.in_campaign(campaign=seat.campaign.uuid, reviewer=seat.reviewer))


def test_with_no_more_reviewers_than_judgments_each_does_every_pair() -> None:
    campaign = make_campaign(tasks=10, reviewers_per_pair=2)
    seats = [make_seat(campaign=campaign) for _ in range(2)]
    judge(seats[0], claim_some(seats[0]))
    assert (progress_of(seats[0]).done, progress_of(seats[0]).left) == (1, 9)
    assert not progress_of(seats[0]).shared


def test_more_reviewers_share_what_is_left_evenly() -> None:
    campaign = make_campaign(tasks=10, reviewers_per_pair=1)
    seats = [make_seat(campaign=campaign) for _ in range(3)]
    for _ in range(4):
        judge(seats[0], claim_some(seats[0]))
    mine = progress_of(seats[1])
    assert (mine.done, mine.left, mine.shared) == (0, 2, True)


def test_a_skipped_pair_is_not_left_to_do() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    skip(seat, claim_some(seat))
    assert progress_of(seat).left == 2


def test_there_is_no_pace_before_the_first_judgment() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    assert (progress_of(seat).pace, progress_of(seat).minutes_left) == ("", None)


@pytest.mark.parametrize(("seconds", "words"), [(45, "45 s a pair"), (60, "1:00 min a pair"), (95, "1:35 min a pair")])
def test_pace_is_said_in_seconds_or_minutes(seconds: int, words: str) -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    Seat.objects.filter(pk=seat.pk).update(done=2, active_ms=2000 * seconds)
    assert progress_of(seat).pace == words
