"""The walk of one reviewer through the pairs of a campaign, one claimed pair per step.

Pairs stand on a ring of random keys. A seat starts at a random place and remembers how far it came, so that a claim
looks at the next few pairs that still want a reviewer and never again at those left behind, however many there are.
Pairs given back after a seat passed them carry a growing number, and are looked at behind a second cursor.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from annotations.models import Assignment, Seat
from annotations.reports.seated import ASSIGNMENT, TASK
from annotations.services.seats import RING
from evalsite.platform import prepared

FIRST_WINDOW = 12
LARGEST_WINDOW = 8192

# One statement: look ahead, leave out what this reviewer had, lock the first pair nobody else is just claiming,
# take a place on it, draw its sides, hand it out, and move the cursor, though never past a pair that was only locked.
# Sides: what the pair had less often, else what the reviewer had less often, else the coin.
# OFFSET 0 keeps the look at the reviewer's own pairs a look-up each: as a join it would read all assignments.
STEP = """
WITH ahead AS MATERIALIZED (
    SELECT id, {place} AS place
    FROM annotations_comparisontask
    WHERE campaign_id = %(campaign)s AND NOT identical AND taken < needed
      AND {place} > %(after)s AND {place} <= %(upto)s
    ORDER BY {place} LIMIT %(window)s
), fresh AS MATERIALIZED (
    SELECT id, place FROM ahead
    WHERE NOT EXISTS (
        SELECT FROM annotations_assignment
        WHERE reviewer_id = %(reviewer)s AND task_id = ahead.id
        OFFSET 0
    )
), picked AS MATERIALIZED (
    SELECT *, {place} AS place,
           CASE sign(2 * option_1_left - taken) WHEN -1 THEN 1 WHEN 1 THEN 2 ELSE %(rarer_or_coin)s END AS first_option
    FROM annotations_comparisontask
    WHERE id = ANY (ARRAY(SELECT id FROM fresh)) AND taken < needed
    ORDER BY {place} LIMIT 1
    FOR NO KEY UPDATE {skip_locked}
), served AS (
    UPDATE annotations_comparisontask AS task
    SET taken = task.taken + 1, option_1_left = task.option_1_left + (first_option = 1)::int
    FROM picked WHERE task.id = picked.id
), assigned AS (
    INSERT INTO annotations_assignment (
        uuid, task_id, campaign_id, reviewer_id, first_option, state, lease_until, claimed_at,
        surplus, skip_reason, skip_comment
    )
    SELECT %(uuid)s, id, %(campaign)s, %(reviewer)s, first_option, 'open', %(lease_until)s, %(now)s, false, '', ''
    FROM picked
    RETURNING *
), seated AS (
    UPDATE annotations_seat AS seat
    SET served = served + 1, option_1_left = seat.option_1_left + (first_option = 1)::int,
        {cursor} = CASE WHEN place = (SELECT min(place) FROM fresh) THEN place
                        ELSE (SELECT min(place) FROM fresh) - 1 END
    FROM picked WHERE seat.id = %(seat)s
)
SELECT (SELECT count(*) FROM ahead), (SELECT count(*) FROM fresh), (SELECT max(place) FROM ahead),
       {assignment}, {task}
FROM (SELECT) AS one LEFT JOIN assigned AS assignment ON true LEFT JOIN picked AS task ON true
"""


@dataclass(frozen=True)
class Step:
    looked_at: int
    fresh: int
    last_place: int | None
    claimed: Assignment | None

    @classmethod
    def read(cls, row: tuple[Any, ...]) -> "Step":
        of_task = 3 + len(ASSIGNMENT)
        claimed = None
        if row[3] is not None:
            claimed = ASSIGNMENT.read(row[3:of_task])
            claimed.task = TASK.read(row[of_task:])
        return cls(looked_at=row[0], fresh=row[1], last_place=row[2], claimed=claimed)


def walk(*, seat: Seat, uuid: UUID, coin: int, now: datetime, wait: bool) -> Assignment | None:
    """Claim the next pair under this uuid; None when none is free.

    Without `wait`, pairs that others hold locked at this moment count as not free.
    """
    window = FIRST_WINDOW
    while True:
        step = take_step(seat=seat, window=window, uuid=uuid, coin=coin, now=now, wait=wait)
        if step.claimed:
            return step.claimed
        if step.fresh:
            if not wait:
                return None
        elif step.last_place is not None and step.looked_at == window:
            move_cursor(seat=seat, place=step.last_place)
            window = min(window * 4, LARGEST_WINDOW)
        elif seat.lap == Seat.Lap.WALKED:
            return None
        else:
            begin_next_lap(seat=seat)


def take_step(*, seat: Seat, window: int, uuid: UUID, coin: int, now: datetime, wait: bool) -> Step:
    on_ring = seat.lap != Seat.Lap.WALKED
    statement = STEP.format(
        place="random_key" if on_ring else "reopened",
        cursor="ring_cursor" if on_ring else "reopened_cursor",
        skip_locked="" if wait else "SKIP LOCKED",
        assignment=ASSIGNMENT.sql,
        task=TASK.sql,
    )
    values = {
        "campaign": seat.campaign_id,
        "reviewer": seat.reviewer_id,
        "seat": seat.pk,
        "after": seat.ring_cursor if on_ring else seat.reopened_cursor,
        "upto": seat.ring_start if seat.lap == Seat.Lap.TO_THE_START else RING - 1,
        "window": window,
        "rarer_or_coin": rarer_side(seat) or coin,
        "uuid": uuid,
        "lease_until": now + timedelta(minutes=seat.campaign.lease_minutes),
        "now": now,
    }
    return Step.read(prepared.fetch(statement, values)[0])


def rarer_side(seat: Seat) -> int | None:
    if 2 * seat.option_1_left == seat.served:
        return None
    return 1 if 2 * seat.option_1_left < seat.served else 2


def move_cursor(*, seat: Seat, place: int) -> None:
    if seat.lap == Seat.Lap.WALKED:
        seat.reopened_cursor = place
    else:
        seat.ring_cursor = place
    seat.save(update_fields=["ring_cursor", "reopened_cursor"])


def begin_next_lap(*, seat: Seat) -> None:
    """From the end of the ring to its beginning; from the start place on to pairs given back."""
    seat.ring_cursor = -1
    seat.lap += 1
    seat.save(update_fields=["ring_cursor", "lap"])
