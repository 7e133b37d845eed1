from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from annotations.models import Assignment, Campaign, Criterion, Flag, Judgment, Seat
from annotations.services import assignments, flags, guidelines, judgments
from tests.factories.annotations_ import claim_some, judge, make_campaign, make_seat, make_task, skip
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=31)


def test_a_judgment_is_kept_as_it_was_said() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    kept = judge(
        seat,
        turn,
        choice="both_bad",
        criteria={"safety": "a", "format": "tie"},
        comment="Neither answers.",
        active_ms=12_000,
        now=NOW + timedelta(seconds=20),
    )
    kept = Judgment.objects.get(pk=kept.pk)
    turn.refresh_from_db()
    assert (kept.choice, kept.criteria, kept.comment) == (
        "both_bad",
        {"safety": "a", "format": "tie"},
        "Neither answers.",
    )
    assert (kept.active_ms, kept.revision, kept.guidelines_id) == (12_000, 1, seat.campaign.current_guidelines_id)
    assert (turn.state, turn.current_judgment_id, turn.surplus) == ("judged", kept.pk, False)


def test_counters_of_pair_and_seat_move_with_a_judgment() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    judge(seat, claim_some(seat), active_ms=5_000, now=NOW + timedelta(minutes=1))
    seat.refresh_from_db()
    task = seat.campaign.tasks.get()
    assert (task.taken, task.judged) == (1, 1)
    assert (seat.done, seat.active_ms, seat.surplus) == (1, 5_000, 0)


def test_the_same_request_again_changes_nothing_and_gets_the_same_answer() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn, sent = claim_some(seat), uuid4()
    first = judge(seat, turn, choice="b", judgment_id=sent, active_ms=10)
    assert judge(seat, turn, choice="b", judgment_id=sent, active_ms=99) == first
    assert Judgment.objects.count() == 1
    assert Seat.objects.get(pk=seat.pk).done == 1


@pytest.mark.parametrize("other", [{"choice": "a"}, {"comment": "!"}, {"criteria": {"safety": "a"}}])
def test_the_same_id_with_another_body_is_a_conflict(other: dict[str, Any]) -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn, sent = claim_some(seat), uuid4()
    judge(seat, turn, choice="b", judgment_id=sent)
    with pytest.raises(judgments.Conflict):
        judge(seat, turn, judgment_id=sent, **{"choice": "b", **other})
    assert Judgment.objects.get().choice == "b"


def test_an_id_used_for_another_pair_is_a_conflict_and_leaves_no_trace() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    first, sent = claim_some(seat), uuid4()
    judge(seat, first, judgment_id=sent)
    second = claim_some(seat)
    with pytest.raises(judgments.Conflict):
        judge(seat, second, judgment_id=sent)
    second.refresh_from_db()
    assert second.state == "open"
    assert Seat.objects.get(pk=seat.pk).done == 1


def test_a_second_tab_does_not_overwrite_the_first() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    judge(seat, turn, choice="a")
    with pytest.raises(judgments.Conflict, match="another tab"):
        judge(seat, turn, choice="b")
    assert Judgment.objects.get().choice == "a"


def test_a_change_is_a_new_revision_beside_the_first() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    first = judge(seat, turn, choice="a")
    second = judge(seat, turn, choice="b", supersedes=first.pk)
    turn.refresh_from_db()
    assert turn.current_judgment_id == second.pk
    assert list(Judgment.objects.order_by("revision").values_list("revision", "choice")) == [(1, "a"), (2, "b")]
    assert seat.campaign.tasks.get().judged == 1
    assert Seat.objects.get(pk=seat.pk).done == 1


def test_a_change_of_what_was_changed_meanwhile_is_a_conflict() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    first = judge(seat, turn, choice="a")
    judge(seat, turn, choice="b", supersedes=first.pk)
    with pytest.raises(judgments.Conflict):
        judge(seat, turn, choice="tie", supersedes=first.pk)


def test_an_earlier_request_repeated_after_a_change_gets_its_old_answer() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    first = judge(seat, turn, choice="a")
    second = judge(seat, turn, choice="b", supersedes=first.pk)
    assert judge(seat, turn, choice="a", judgment_id=first.pk) == first
    assert judge(seat, turn, choice="b", judgment_id=second.pk, supersedes=first.pk) == second
    turn.refresh_from_db()
    assert turn.current_judgment_id == second.pk


def test_what_the_campaign_does_not_offer_is_refused() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1, allow_tie=False, allow_both_bad=False))
    turn = claim_some(seat)
    offers: list[dict[str, Any]] = [
        {"choice": "tie"},
        {"choice": "both_bad"},
        {"choice": "x"},
        {"criteria": {"charm": "a"}},
    ]
    for said in offers:
        with pytest.raises(judgments.Incomplete):
            judge(seat, turn, **said)
    with pytest.raises(judgments.Incomplete):
        judge(seat, turn, criteria={"safety": "both_bad"})


def test_a_required_criterion_must_be_answered() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    Criterion.objects.filter(key="safety").update(required=True)
    turn = claim_some(seat)
    with pytest.raises(judgments.Incomplete, match="Safety"):
        judge(seat, turn)
    assert judge(seat, turn, criteria={"safety": "tie"}).criteria == {"safety": "tie"}


def test_active_time_is_no_longer_than_the_turn() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    assert judge(seat, claim_some(seat), active_ms=10**9, now=NOW + timedelta(seconds=30)).active_ms == 30_000
    assert judge(seat, claim_some(seat), active_ms=-5).active_ms == 0


def test_a_judgment_names_the_guidelines_on_its_page_even_if_they_changed_since() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    first_version = seat.campaign.current_guidelines_id
    turn = claim_some(seat)
    new = guidelines.publish(campaign=seat.campaign, text="Look at safety first.", now=NOW)
    assert judge(seat, turn, guidelines=1).guidelines_id == first_version
    assert judge(seat, claim_some(seat), guidelines=2).guidelines_id == new.pk


def test_a_holder_can_finish_after_the_lease_ran_out() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1, reviewers_per_pair=1))
    turn = claim_some(seat)
    assignments.release_expired(now=LATER)
    judge(seat, turn, now=LATER)
    turn.refresh_from_db()
    task = seat.campaign.tasks.get()
    assert (turn.state, turn.surplus, task.taken, task.judged) == ("judged", False, 1, 1)


def test_a_late_judgment_is_kept_as_surplus_when_the_place_is_gone() -> None:
    campaign = make_campaign(tasks=1, reviewers_per_pair=1)
    late, other = make_seat(campaign=campaign), make_seat(campaign=campaign)
    turn = claim_some(late)
    assignments.release_expired(now=LATER)
    judge(other, claim_some(other, now=LATER), now=LATER)
    kept = judge(late, turn, now=LATER)
    turn.refresh_from_db()
    assert turn.surplus
    assert turn.current_judgment_id == kept.pk
    assert campaign.tasks.get().judged == 1
    assert Assignment.objects.counted().count() == 1
    late.refresh_from_db()
    assert (late.done, late.surplus) == (1, 1)


def test_a_skipped_pair_may_still_be_judged() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    skip(seat, turn)
    judge(seat, turn)
    seat.refresh_from_db()
    assert (seat.done, seat.skipped) == (1, 0)
    assert seat.campaign.tasks.get().judged == 1


def test_a_judged_pair_is_not_skipped_and_skipping_twice_is_skipping_once() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    first = claim_some(seat)
    judge(seat, first)
    with pytest.raises(assignments.AlreadyJudged):
        skip(seat, first)
    second = claim_some(seat)
    skip(seat, second)
    skip(seat, second)
    seat.refresh_from_db()
    assert seat.skipped == 1
    assert seat.campaign.tasks.get(pk=second.task_id).taken == 0


def test_what_comes_after_the_close_is_surplus_and_changes_are_refused() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    first = claim_some(seat)
    kept = judge(seat, first)
    second = claim_some(seat)
    Campaign.objects.update(status=Campaign.Status.CLOSED)
    judge(seat, second)
    second.refresh_from_db()
    assert second.surplus
    assert seat.campaign.tasks.get(pk=second.task_id).taken == 0
    with pytest.raises(judgments.Refused, match="closed"):
        judge(seat, first, choice="b", supersedes=kept.pk)


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


@pytest.mark.parametrize("table", ["annotations_judgment", "annotations_flag"])
def test_the_database_refuses_to_change_or_remove_evidence(table: str) -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn = claim_some(seat)
    judge(seat, turn)
    flags.raise_flag(assignment=turn, flag_id=uuid4(), reason=Flag.Reason.OTHER, comment="", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert refused(f"UPDATE {table} SET comment = 'changed'")
    assert refused(f"DELETE FROM {table}")
    assert refused(f"TRUNCATE {table} CASCADE")


def test_the_database_refuses_more_judgments_than_asked_and_two_from_one_reviewer() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1, reviewers_per_pair=1))
    turn = claim_some(seat)
    with pytest.raises(DatabaseError), transaction.atomic():
        seat.campaign.tasks.update(taken=2)
    with pytest.raises(DatabaseError), transaction.atomic():
        seat.campaign.tasks.update(judged=1, taken=0)
    with pytest.raises(DatabaseError), transaction.atomic():
        Assignment.objects.create(
            task=turn.task,
            campaign=seat.campaign,
            reviewer=seat.reviewer,
            first_option=1,
            state="lapsed",
            lease_until=NOW,
            claimed_at=NOW,
        )


def test_a_flag_sent_again_is_the_same_flag_and_other_content_a_conflict() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    turn, sent = claim_some(seat), uuid4()
    for _ in range(2):
        flags.raise_flag(assignment=turn, flag_id=sent, reason="broken", comment="cut off", now=NOW)
    with pytest.raises(flags.Conflict):
        flags.raise_flag(assignment=turn, flag_id=sent, reason="harmful", comment="", now=NOW)
    assert Flag.objects.get().reason == "broken"


def test_identical_pairs_take_no_judgment() -> None:
    task = make_task(identical=True)
    with pytest.raises(DatabaseError), transaction.atomic():
        type(task).objects.filter(pk=task.pk).update(taken=1)
