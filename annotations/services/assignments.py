"""A reviewer's turns: claim, keep, skip, and give back when the reviewer went away."""

from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F

from annotations.models import Assignment, ComparisonTask, Seat
from annotations.services import ring_walk
from annotations.services.seats import SYSTEM_RANDOM


class AlreadyJudged(Exception):
    """A judged pair is not skipped; it can be judged again."""


def claim_next(
    *, seat: Seat, now: datetime, holds_none: bool = False, wait: bool = False, rng: Random = SYSTEM_RANDOM
) -> Assignment | None:
    """The pair to judge now: the one still open, else a new one, else one whose lease ran out.

    A closed campaign hands out nothing, not even a pair still open: its judgment would not count any more.
    The seat must be locked. `holds_none` spares the look for an open pair when the caller has just finished it. None
    means that nothing is free; without `wait`, that others hold what is left locked at this moment counts as such.
    """
    if seat.campaign.is_closed:
        return None
    if not holds_none and (held := held_pair(seat=seat)):
        return keep(assignment=held, lease=seat.campaign.lease_minutes, now=now)
    if not seat.campaign.is_open:
        return None
    claimed = ring_walk.walk(seat=seat, uuid=uuid4(), coin=rng.choice((1, 2)), now=now, wait=wait)
    return claimed or take_up_lapsed(seat=seat, now=now, wait=wait)


def held_pair(*, seat: Seat) -> Assignment | None:
    mine = Assignment.objects.filter(campaign=seat.campaign_id, reviewer=seat.reviewer_id)
    return mine.filter(state=Assignment.State.OPEN).select_related("task").first()


def keep(*, assignment: Assignment, lease: int, now: datetime) -> Assignment:
    """Renew the lease, though not at every reload."""
    until = now + timedelta(minutes=lease)
    if until - assignment.lease_until > timedelta(minutes=1):
        Assignment.objects.filter(pk=assignment.pk).update(lease_until=until)
        assignment.lease_until = until
    return assignment


def take_up_lapsed(*, seat: Seat, now: datetime, wait: bool) -> Assignment | None:
    """A pair this reviewer once left lying, if nobody else has taken the place since."""
    mine = Assignment.objects.filter(campaign=seat.campaign_id, reviewer=seat.reviewer_id)
    lapsed = mine.filter(state=Assignment.State.LAPSED, task__taken__lt=F("task__needed")).select_related("task")
    # In one order for everybody. Who has just judged a pair holds it locked, so may not wait for another one.
    for assignment in lapsed.order_by("task_id")[: ring_walk.FIRST_WINDOW]:
        if (wait or lock_if_free(assignment.task_id)) and take_place_again(assignment=assignment):
            return reopen(assignment=assignment, lease=seat.campaign.lease_minutes, now=now)
    return None


def lock_if_free(task_id: int) -> bool:
    return ComparisonTask.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=task_id).exists()


def reopen(*, assignment: Assignment, lease: int, now: datetime) -> Assignment:
    assignment.state = Assignment.State.OPEN
    assignment.lease_until = now + timedelta(minutes=lease)
    assignment.save(update_fields=["state", "lease_until"])
    return assignment


def take_place_again(*, assignment: Assignment) -> bool:
    """A place on the pair for somebody who had given theirs back; False when others have them all."""
    free = ComparisonTask.objects.filter(pk=assignment.task_id, taken__lt=F("needed"))
    on_left = int(assignment.first_option == 1)
    return bool(free.update(taken=F("taken") + 1, option_1_left=F("option_1_left") + on_left))


def renew(*, seat: Seat, assignment: Assignment, now: datetime) -> bool:
    """Keep a pair while its page is looked at; False when the place has gone to somebody else."""
    lease = seat.campaign.lease_minutes
    if assignment.state == Assignment.State.OPEN:
        keep(assignment=assignment, lease=lease, now=now)
    elif may_take_up(seat=seat, assignment=assignment) and take_place_again(assignment=assignment):
        reopen(assignment=assignment, lease=lease, now=now)
    return assignment.state == Assignment.State.OPEN


def may_take_up(*, seat: Seat, assignment: Assignment) -> bool:
    lapsed = assignment.state == Assignment.State.LAPSED
    return lapsed and seat.campaign.is_open and held_pair(seat=seat) is None


def skip(*, seat: Seat, assignment: Assignment, reason: str, comment: str = "", now: datetime) -> None:
    """Leave a pair to others, with the reason. Skipping it twice is skipping it once."""
    if assignment.state == Assignment.State.JUDGED:
        raise AlreadyJudged("You have judged this pair already. Change the judgment instead of skipping it.")
    if assignment.state == Assignment.State.SKIPPED:
        return
    if assignment.state == Assignment.State.OPEN:
        give_place_back(assignment=assignment)
    assignment.state = Assignment.State.SKIPPED
    assignment.finished_at = now
    assignment.skip_reason = reason
    assignment.skip_comment = comment
    assignment.save(update_fields=["state", "finished_at", "skip_reason", "skip_comment"])
    Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") + 1)
    seat.skipped += 1


def give_place_back(*, assignment: Assignment) -> None:
    on_left = int(assignment.first_option == 1)
    ComparisonTask.objects.filter(pk=assignment.task_id).update(
        taken=F("taken") - 1,
        option_1_left=F("option_1_left") - on_left,
        reopened=next_reopening(campaign=assignment.campaign_id),
    )


def next_reopening(*, campaign: int) -> int:
    """Drawn from the campaign's locked row, so that numbers become visible in their order.

    A sequence would let a walk pass a number that is drawn but not committed yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE annotations_campaign SET reopenings = reopenings + 1 WHERE id = %s RETURNING reopenings", [campaign]
        )
        return int(cursor.fetchone()[0])


def release_expired(*, now: datetime, limit: int = 500) -> int:
    """Give back the pairs of reviewers who went away. Each in a transaction of its own, so none waits for long."""
    stale = Assignment.objects.stale(now=now).order_by("lease_until").values_list("pk", flat=True)
    return sum(release(assignment_id=pk, now=now) for pk in stale[:limit])


@transaction.atomic
def release(*, assignment_id: int, now: datetime) -> bool:
    assignment = Assignment.objects.stale(now=now).filter(pk=assignment_id).first()
    if assignment is None or not seat_is_idle(assignment):
        return False
    # Again under the seat's lock: the reviewer may have submitted meanwhile.
    if not Assignment.objects.stale(now=now).filter(pk=assignment_id).update(state=Assignment.State.LAPSED):
        return False
    give_place_back(assignment=assignment)
    return True


def seat_is_idle(assignment: Assignment) -> bool:
    """Locks the seat, or says that its reviewer is busy with it right now."""
    seats = Seat.objects.select_for_update(no_key=True, skip_locked=True)
    return seats.filter(campaign=assignment.campaign_id, reviewer=assignment.reviewer_id).exists()


def of_campaign(*, seat: Seat, uuid: UUID) -> Assignment:
    """The reviewer's own assignment, read under the seat's lock."""
    return Assignment.objects.get(uuid=uuid, campaign=seat.campaign_id, reviewer=seat.reviewer_id)
