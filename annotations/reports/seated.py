"""Seats with all that reviewers' pages say about their campaign, in one statement."""

from typing import Any
from uuid import UUID

import orjson

from annotations.models import Assignment, Campaign, ComparisonTask, GuidelinesVersion, Seat
from evalsite.platform import prepared
from evalsite.platform.instances import Columns
from evalsite.platform.models import User

SEAT = Columns(Seat, "seat")
CAMPAIGN = Columns(Campaign, "campaign")
GUIDELINES = Columns(GuidelinesVersion, "guidelines")
ASSIGNMENT = Columns(Assignment, "assignment")
TASK = Columns(ComparisonTask, "task")

WHAT = f"""
SELECT (SELECT COALESCE(sum(done - surplus), 0) FROM annotations_seat WHERE campaign_id = campaign.id),
       (SELECT count(*) FROM annotations_seat WHERE campaign_id = campaign.id AND removed_at IS NULL),
       (SELECT COALESCE(json_agg(json_build_object('key', key, 'label', label, 'required', required)
                                 ORDER BY position, id), '[]')::text
        FROM annotations_criterion WHERE campaign_id = campaign.id),
       {SEAT.sql}, {CAMPAIGN.sql}, {GUIDELINES.sql}
"""  # noqa: S608 column names of our own models
FROM = """
FROM annotations_seat AS seat
JOIN annotations_campaign AS campaign ON campaign.id = seat.campaign_id
LEFT JOIN annotations_guidelinesversion AS guidelines ON guidelines.id = campaign.current_guidelines_id
"""
VISIBLE = """
WHERE seat.reviewer_id = %(reviewer)s AND seat.removed_at IS NULL
  AND campaign.status NOT IN ('draft', 'opening')
"""
IN_CAMPAIGN = " AND campaign.uuid = %(campaign)s"

MINE = f"{WHAT}{FROM}{VISIBLE} ORDER BY campaign.opened_at DESC NULLS LAST, seat.id DESC"
IN_ONE = f"{WHAT}{FROM}{VISIBLE}{IN_CAMPAIGN}"
LOCKED = f"{IN_ONE} FOR NO KEY UPDATE OF seat"
# Both rows are read again after the wait for the lock, so what another tab has just done is known.
LOCKED_WITH_PAIR = f"""
{WHAT}, {ASSIGNMENT.sql}
{FROM}
JOIN annotations_assignment AS assignment
  ON assignment.campaign_id = seat.campaign_id AND assignment.reviewer_id = seat.reviewer_id
 AND assignment.uuid = %(pair)s
{VISIBLE}{IN_CAMPAIGN}
FOR NO KEY UPDATE OF seat, assignment
"""


def of_reviewer(reviewer: User) -> list[Seat]:
    """The newest campaign first."""
    return [read_seat(row) for row in rows(MINE, reviewer=reviewer.pk)]


def in_campaign(*, campaign: UUID, reviewer: User, lock: bool = False) -> Seat:
    """Raises Seat.DoesNotExist for a campaign that has not begun, or in which this person has no seat."""
    found = rows(LOCKED if lock else IN_ONE, campaign=campaign, reviewer=reviewer.pk)
    if not found:
        raise Seat.DoesNotExist
    return read_seat(found[0])


def with_pair(*, campaign: UUID, reviewer: User, pair: UUID) -> tuple[Seat, Assignment]:
    """Seat and assignment, both locked. Raises Assignment.DoesNotExist if there is no such pair in this seat."""
    found = rows(LOCKED_WITH_PAIR, campaign=campaign, reviewer=reviewer.pk, pair=pair)
    if not found:
        raise Assignment.DoesNotExist
    return read_seat(found[0]), ASSIGNMENT.read(found[0][-len(ASSIGNMENT) :])


def rows(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    return prepared.fetch(statement, values)


def read_seat(row: tuple[Any, ...]) -> Seat:
    of_seat = 3
    of_campaign = of_seat + len(SEAT)
    of_guidelines = of_campaign + len(CAMPAIGN)
    seat = SEAT.read(row[of_seat:of_campaign])
    seat.team_done, seat.team_size, seat.asked = row[0], row[1], orjson.loads(row[2])
    seat.campaign = CAMPAIGN.read(row[of_campaign:of_guidelines])
    if seat.campaign.current_guidelines_id:
        seat.campaign.current_guidelines = GUIDELINES.read(row[of_guidelines : of_guidelines + len(GUIDELINES)])
    return seat
