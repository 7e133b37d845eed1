from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotations.models import Assignment, Campaign, ComparisonTask, Seat
from annotations.services import assignments, seats
from tests.factories.annotations_ import (
    claim,
    claim_some,
    judge,
    judge_all,
    make_campaign,
    make_reviewer,
    make_seat,
    make_task,
    skip,
)
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db


def test_a_reviewer_gets_every_pair_once() -> None:
    seat = make_seat(campaign=make_campaign(tasks=60))
    assert judge_all(seat) == 60
    assert Assignment.objects.values("task").distinct().count() == 60


def test_a_claimed_pair_is_shown_again_until_it_is_judged() -> None:
    seat = make_seat(campaign=make_campaign(tasks=5))
    first = claim_some(seat)
    assert claim_some(seat) == first
    judge(seat, first)
    assert claim_some(seat) != first


def test_a_pair_gets_as_many_reviewers_as_asked() -> None:
    campaign = make_campaign(tasks=30, reviewers_per_pair=2)
    done = [judge_all(make_seat(campaign=campaign)) for _ in range(4)]
    assert done == [30, 30, 0, 0]
    assert set(campaign.tasks.values_list("taken", "judged")) == {(2, 2)}


def test_identical_pairs_are_never_shown() -> None:
    campaign = make_campaign(tasks=3)
    make_task(campaign=campaign, identical=True, response_1="same", response_2="same")
    assert judge_all(make_seat(campaign=campaign)) == 3


def test_another_campaigns_pairs_are_never_shown() -> None:
    make_campaign(tasks=5)
    assert claim(make_seat(campaign=make_campaign(tasks=0))) is None


def test_a_paused_campaign_hands_out_nothing_new_but_keeps_the_held_pair() -> None:
    campaign = make_campaign(tasks=3)
    seat = make_seat(campaign=campaign)
    held = claim_some(seat)
    Campaign.objects.update(status=Campaign.Status.PAUSED)
    assert claim(seat) == held
    judge(seat, held)
    assert claim(seat) is None


def test_a_closed_campaign_hands_out_nothing_though_its_holder_may_finish() -> None:
    campaign = make_campaign(tasks=3)
    seat = make_seat(campaign=campaign)
    held = claim_some(seat)
    Campaign.objects.update(status=Campaign.Status.CLOSED)
    assert claim(seat) is None
    judge(seat, held)
    held.refresh_from_db()
    assert (held.state, held.surplus) == ("judged", True)


def test_each_reviewer_walks_the_ring_from_a_place_of_their_own() -> None:
    campaign = make_campaign()
    tasks = [make_task(campaign=campaign, random_key=10 * place, needed=3) for place in range(6)]
    for start in (0, 25, 50):
        seat = make_seat(campaign=campaign)
        Seat.objects.filter(pk=seat.pk).update(ring_start=start, ring_cursor=start)
        judge_all(seat)
        order = Assignment.objects.filter(reviewer=seat.reviewer).order_by("pk").values_list("task", flat=True)
        first = start // 10 + 1
        assert list(order) == [task.pk for task in tasks[first:] + tasks[:first]]


def test_a_skipped_pair_goes_to_others_and_never_back() -> None:
    campaign = make_campaign(tasks=3, reviewers_per_pair=1)
    first, second = make_seat(campaign=campaign), make_seat(campaign=campaign)
    skipped = claim_some(first)
    assert judge_all(second) == 2  # walks past the held pair
    skip(first, skipped)
    assert claim(first) is None
    again = claim_some(second)
    assert again.task_id == skipped.task_id
    judge(second, again)
    assert set(campaign.tasks.values_list("judged", flat=True)) == {1}


def test_pairs_given_back_are_found_by_those_who_have_walked_past_them_however_often() -> None:
    campaign = make_campaign(tasks=60, reviewers_per_pair=1)
    giver, taker = make_seat(campaign=campaign), make_seat(campaign=campaign)
    for _ in range(60):
        skip(giver, claim_some(giver))
    assert claim(giver) is None
    assert judge_all(taker) == 60


def test_a_walk_gets_past_many_pairs_it_has_had_elsewhere() -> None:
    campaign = make_campaign(tasks=150, reviewers_per_pair=2)
    seat = make_seat(campaign=campaign)
    seat.refresh_from_db()
    judge_all(seat)
    Seat.objects.filter(pk=seat.pk).update(ring_cursor=seat.ring_start, lap=Seat.Lap.TO_THE_END)
    last = make_task(campaign=campaign)
    assert claim_some(seat).task == last


def test_an_expired_lease_gives_the_place_back_and_its_holder_can_still_take_it_up() -> None:
    campaign = make_campaign(tasks=1, reviewers_per_pair=1)
    seat = make_seat(campaign=campaign)
    held = claim_some(seat)
    later = NOW + timedelta(minutes=31)
    assert assignments.release_expired(now=NOW + timedelta(minutes=29)) == 0
    assert assignments.release_expired(now=later) == 1
    assert campaign.tasks.get().taken == 0
    assert claim_some(seat, now=later) == held
    assert campaign.tasks.get().taken == 1


def test_an_expired_lease_lets_somebody_else_judge() -> None:
    campaign = make_campaign(tasks=1, reviewers_per_pair=1)
    gone, there = make_seat(campaign=campaign), make_seat(campaign=campaign)
    claim_some(gone)
    assert claim(there) is None
    later = NOW + timedelta(minutes=31)
    assignments.release_expired(now=later)
    assert judge_all(there, now=later) == 1
    assert claim(gone, now=later) is None


def test_a_heartbeat_keeps_a_pair() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    held = claim_some(seat)
    locked = seats.lock(campaign=seat.campaign.uuid, reviewer=seat.reviewer)
    assert assignments.renew(seat=locked, assignment=held, now=NOW + timedelta(minutes=20))
    assert assignments.release_expired(now=NOW + timedelta(minutes=45)) == 0
    assert assignments.release_expired(now=NOW + timedelta(minutes=51)) == 1


def test_sides_are_balanced_per_pair_and_per_reviewer() -> None:
    campaign = make_campaign(tasks=51, reviewers_per_pair=2)
    for _ in range(2):
        judge_all(make_seat(campaign=campaign))
    for task in ComparisonTask.objects.prefetch_related("assignments"):
        assert sorted(turn.first_option for turn in task.assignments.all()) == [1, 2]
        assert task.option_1_left == 1
    for seat in Seat.objects.all():
        sides = Counter(Assignment.objects.filter(reviewer=seat.reviewer).values_list("first_option", flat=True))
        assert seat.option_1_left == sides[1]
        assert seat.served == 51


def test_the_first_reviewers_sides_differ_by_one_at_most() -> None:
    seat = make_seat(campaign=make_campaign(tasks=41))
    judge_all(seat)
    seat.refresh_from_db()
    assert abs(2 * seat.option_1_left - seat.served) <= 1


def test_a_side_stays_as_it_was_drawn() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    sides = {claim_some(seat).first_option for _ in range(5)}
    assert len(sides) == 1


def test_leads_and_admins_cannot_be_seated() -> None:
    campaign = make_campaign()
    for role in ("lead", "admin"):
        with pytest.raises(seats.NotBlind):
            seats.add(campaign=campaign, reviewer=make_user(roles=["reviewer", role]), now=NOW)


def test_a_removed_reviewer_has_no_seat_and_may_be_seated_again() -> None:
    reviewer = make_reviewer()
    seat = make_seat(campaign=make_campaign(tasks=1), reviewer=reviewer)
    seats.remove(seat=seat, now=NOW)
    with pytest.raises(Seat.DoesNotExist):
        claim(seat)
    seats.add(campaign=seat.campaign, reviewer=reviewer, now=NOW)
    assert claim(seat)


def test_a_claim_costs_the_same_few_queries_whatever_was_done_before() -> None:
    seat = make_seat(campaign=make_campaign(tasks=120))
    counts = []
    for _ in range(110):
        with CaptureQueriesContext(connection) as queries:
            assignment = claim_some(seat)
        counts.append(len(queries))
        judge(seat, assignment)
    assert max(sorted(counts)[:-1]) <= 6  # one of them walks over the end of the ring
