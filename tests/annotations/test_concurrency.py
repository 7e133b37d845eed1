"""Ground rule 3 with real threads, each on a connection of its own."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import connection, transaction

from annotations.models import Assignment, Campaign, ComparisonTask, Judgment, Seat
from annotations.services import assignments, seats
from tests.factories.annotations_ import claim, claim_some, judge, judge_all, make_campaign, make_seat, skip
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run each in a thread, begun together; what each returned, or the error it raised."""
    results: list[object] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(number: int, act: Callable[[], object]) -> None:
        try:
            barrier.wait()
            results[number] = act()
        except Exception as error:  # noqa: BLE001 the test looks at it
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def assert_counters_tell_the_truth(campaign: Campaign) -> None:
    for task in ComparisonTask.objects.filter(campaign=campaign).prefetch_related("assignments"):
        held = [turn for turn in task.assignments.all() if turn.state in ("open", "judged") and not turn.surplus]
        assert task.taken == len(held) <= task.needed
        assert task.judged == sum(turn.state == "judged" for turn in held)
        assert task.option_1_left == sum(turn.first_option == 1 for turn in held)
    for seat in Seat.objects.filter(campaign=campaign):
        states = Counter(
            Assignment.objects.filter(campaign=campaign, reviewer=seat.reviewer).values_list("state", flat=True)
        )
        assert (seat.done, seat.skipped) == (states["judged"], states["skipped"])


def test_many_reviewers_finish_everything_and_nothing_twice() -> None:
    campaign = make_campaign(tasks=40, reviewers_per_pair=3)
    seats = [make_seat(campaign=campaign) for _ in range(6)]
    done = at_once(*[partial(judge_all, seat) for seat in seats])
    assert sum(int(str(number)) for number in done) == 40 * 3
    assert set(campaign.tasks.values_list("taken", "judged")) == {(3, 3)}
    assert_counters_tell_the_truth(campaign)


def test_the_last_place_goes_to_one_reviewer() -> None:
    for _ in range(5):
        campaign = make_campaign(tasks=1, reviewers_per_pair=1)
        seats = [make_seat(campaign=campaign) for _ in range(4)]
        turns = at_once(*[partial(claim, seat) for seat in seats])
        assert len([turn for turn in turns if isinstance(turn, Assignment)]) == 1
        assert turns.count(None) == 3


def test_two_tabs_of_one_reviewer_show_the_same_pair() -> None:
    seat = make_seat(campaign=make_campaign(tasks=20))
    turns = at_once(*[lambda: claim_some(seat)] * 4)
    assert len(set(turns)) == 1
    assert Assignment.objects.count() == 1


def test_the_same_judgment_sent_many_times_at_once_is_kept_once() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn, sent = claim_some(seat), uuid4()
    results = at_once(*[lambda: judge(seat, turn, judgment_id=sent)] * 4)
    assert {getattr(result, "pk", result) for result in results} == {sent}
    assert Judgment.objects.count() == 1
    assert_counters_tell_the_truth(seat.campaign)


def test_of_two_tabs_with_different_verdicts_one_is_told_of_the_other() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    results = at_once(lambda: judge(seat, turn, choice="a"), lambda: judge(seat, turn, choice="b"))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Judgment"]
    assert Judgment.objects.count() == 1


def test_the_sweep_and_a_submit_at_the_same_moment_leave_the_counters_right() -> None:
    later = NOW + timedelta(minutes=31)
    for _ in range(5):
        campaign = make_campaign(tasks=1, reviewers_per_pair=1)
        seat = make_seat(campaign=campaign)
        turn = claim_some(seat)
        results = at_once(partial(judge, seat, turn, now=later), partial(assignments.release_expired, now=later))
        assert isinstance(results[0], Judgment)
        assert campaign.tasks.get().judged == 1
        assert_counters_tell_the_truth(campaign)


def test_two_reviewers_who_each_left_what_the_other_judges_do_not_wait_for_each_other() -> None:
    later = NOW + timedelta(minutes=31)
    campaign = make_campaign(tasks=2, reviewers_per_pair=2)
    lower = min(campaign.tasks.values_list("random_key", flat=True))
    seats_taken = [make_seat(campaign=campaign), make_seat(campaign=campaign)]
    for seat, start in zip(seats_taken, (lower - 1, lower), strict=True):
        Seat.objects.filter(pk=seat.pk).update(ring_start=start, ring_cursor=start)
        claim_some(seat)
    assert assignments.release_expired(now=later) == 2
    turns = [claim_some(seat, now=later) for seat in seats_taken]
    assert turns[0].task_id != turns[1].task_id
    both_have_judged, both_have_asked = threading.Barrier(2), threading.Barrier(2, timeout=60)

    @transaction.atomic
    def work(seat: Seat, turn: Assignment) -> Assignment | None:
        judge(seat, turn, now=later)
        both_have_judged.wait()
        locked = seats.lock(campaign=campaign.uuid, reviewer=seat.reviewer)
        found = assignments.claim_next(seat=locked, now=later, holds_none=True)
        # Neither commits before both have asked, or the later one would find what the earlier one let go.
        both_have_asked.wait()
        return found

    results = at_once(*map(partial, [work] * 2, seats_taken, turns))
    assert results == [None, None]
    assert [claim_some(seat, now=later).task_id for seat in seats_taken] == [turn.task_id for turn in reversed(turns)]
    assert_counters_tell_the_truth(campaign)


def test_skips_judgments_and_sweeps_together_lose_nothing() -> None:
    campaign = make_campaign(tasks=30, reviewers_per_pair=2)
    seats = [make_seat(campaign=campaign) for _ in range(5)]

    def work(number: int) -> None:
        seat = seats[number]
        for turn_number in range(60):
            turn = claim(seat)
            if turn is None:
                break
            if turn_number % 4 == number % 4:
                skip(seat, turn)
            else:
                judge(seat, turn)

    results = at_once(*[partial(work, number) for number in range(5)])
    assert results == [None] * 5
    for seat in seats:
        judge_all(seat)
    assert_counters_tell_the_truth(campaign)
    for task in campaign.tasks.all():
        willing = len(seats) - task.assignments.filter(state="skipped").count()
        assert task.judged == min(2, willing)
