"""What a reviewer says about a pair becomes a row that nobody can change, at most once per client-made id."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from django.db.models import Max

from annotations.models import Assignment, GuidelinesVersion, Judgment, Seat
from annotations.services import assignments
from evalsite.platform import prepared

LONGEST_TURN_MS = 2 * 3600 * 1000


class Refused(Exception):
    """The judgment cannot be taken; the message tells the reviewer why."""


class Incomplete(Refused):
    """Something is missing, or not on offer in this campaign."""


class Conflict(Refused):
    """Another request, with other content, was there first."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the reviewer sent, as seen: A is the left response."""

    choice: str
    criteria: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    active_ms: int = 0
    guidelines: int = 0
    supersedes: UUID | None = None


def submit(*, seat: Seat, assignment: Assignment, judgment_id: UUID, verdict: Verdict, now: datetime) -> Judgment:
    """Keep a judgment, or a revision of one. The seat must be locked; sending the same again changes nothing."""
    body_hash = hash_of(assignment=assignment, verdict=verdict)
    if assignment.current_judgment_id and assignment.current_judgment_id != verdict.supersedes:
        return repeated(judgment_id=judgment_id, body_hash=body_hash)
    check(seat=seat, assignment=assignment, verdict=verdict)
    judgment = Judgment(
        id=judgment_id,
        assignment=assignment,
        revision=next_revision(assignment),
        choice=verdict.choice,
        criteria=verdict.criteria,
        comment=verdict.comment,
        active_ms=clamped_ms(assignment=assignment, active_ms=verdict.active_ms, now=now),
        guidelines_id=guidelines_id(seat=seat, number=verdict.guidelines),
        body_hash=body_hash,
        created_at=now,
    )
    keep(seat=seat, assignment=assignment, judgment=judgment)
    return judgment


def hash_of(*, assignment: Assignment, verdict: Verdict) -> str:
    """Of what was said; the time it took may differ between two sendings."""
    said = [assignment.uuid, verdict.choice, verdict.criteria, verdict.comment, verdict.supersedes]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def repeated(*, judgment_id: UUID, body_hash: str) -> Judgment:
    """The judgment kept under this id, if this is the same request again."""
    kept = Judgment.objects.filter(pk=judgment_id).first()
    if kept is None:
        raise Conflict("This pair was judged in another tab meanwhile. Nothing of that was changed.")
    if kept.body_hash != body_hash:
        raise Conflict("This judgment was sent before with other content. The first one is kept.")
    return kept


def check(*, seat: Seat, assignment: Assignment, verdict: Verdict) -> None:
    campaign = seat.campaign
    if campaign.is_closed and assignment.state == Assignment.State.JUDGED:
        raise Refused("This campaign is closed: its judgments stay as they are.")
    if verdict.choice not in choices_of(seat):
        raise Incomplete("Choose one of the verdicts on offer.")
    known = {criterion["key"] for criterion in seat.asked}
    if not known.issuperset(verdict.criteria) or not set(verdict.criteria.values()) <= set(Judgment.Side.values):
        raise Incomplete("A criterion was answered that is not asked here.")
    missing = [row["label"] for row in seat.asked if row["required"] and row["key"] not in verdict.criteria]
    if missing:
        raise Incomplete(f"Still to answer: {', '.join(missing)}.")


def choices_of(seat: Seat) -> list[Judgment.Choice]:
    left_out = set()
    if not seat.campaign.allow_tie:
        left_out.add(Judgment.Choice.TIE)
    if not seat.campaign.allow_both_bad:
        left_out.add(Judgment.Choice.BOTH_BAD)
    return [choice for choice in Judgment.Choice if choice not in left_out]


def next_revision(assignment: Assignment) -> int:
    if not assignment.current_judgment_id:
        return 1
    return int(Judgment.objects.filter(assignment=assignment).aggregate(last=Max("revision"))["last"]) + 1


def clamped_ms(*, assignment: Assignment, active_ms: int, now: datetime) -> int:
    """The browser measures; no turn is longer than the time since it began."""
    began = assignment.finished_at or assignment.claimed_at
    elapsed_ms = int((now - began).total_seconds() * 1000)
    return max(0, min(active_ms, elapsed_ms, LONGEST_TURN_MS))


def guidelines_id(*, seat: Seat, number: int) -> int | None:
    """The version on the reviewer's page, which may be older than the current one."""
    current = seat.campaign.current_guidelines
    if current is None:
        return None
    if current.number == number:
        return current.pk
    shown = GuidelinesVersion.objects.filter(campaign=seat.campaign_id, number=number).first()
    return (shown or current).pk


# One statement: the row, its assignment, and the counters of pair and reviewer move together.
KEEP = """
WITH kept AS (
    INSERT INTO annotations_judgment (
        id, assignment_id, revision, choice, criteria, comment, active_ms, guidelines_id, body_hash, created_at
    )
    VALUES (%(id)s, %(assignment)s, %(revision)s, %(choice)s, %(criteria)s, %(comment)s, %(active_ms)s, %(guidelines)s,
            %(body_hash)s, %(now)s)
    ON CONFLICT DO NOTHING RETURNING id
), settled AS (
    UPDATE annotations_assignment
    SET state = 'judged', current_judgment_id = kept.id, finished_at = COALESCE(finished_at, %(now)s),
        surplus = %(surplus)s
    FROM kept WHERE annotations_assignment.id = %(assignment)s
), counted AS (
    UPDATE annotations_comparisontask SET judged = judged + 1
    FROM kept WHERE annotations_comparisontask.id = %(task)s AND %(counts)s
)
UPDATE annotations_seat
SET done = done + %(first)s, surplus = annotations_seat.surplus + %(first_surplus)s, skipped = skipped - %(unskipped)s,
    active_ms = active_ms + %(active_ms)s, last_judged_at = %(now)s
FROM kept WHERE annotations_seat.id = %(seat)s
RETURNING annotations_seat.done, annotations_seat.surplus, annotations_seat.skipped, annotations_seat.active_ms
"""


def keep(*, seat: Seat, assignment: Assignment, judgment: Judgment) -> None:
    """Insert the judgment, point the assignment at it and move the counters along, the seat's in memory too."""
    first = assignment.state != Assignment.State.JUDGED
    surplus = is_surplus(seat=seat, assignment=assignment) if first else assignment.surplus
    values = {
        "id": judgment.pk,
        "assignment": assignment.pk,
        "revision": judgment.revision,
        "choice": judgment.choice,
        "criteria": orjson.dumps(judgment.criteria).decode(),
        "comment": judgment.comment,
        "active_ms": judgment.active_ms,
        "guidelines": judgment.guidelines_id,
        "body_hash": judgment.body_hash,
        "now": judgment.created_at,
        "surplus": surplus,
        "task": assignment.task_id,
        "counts": first and not surplus,
        "first": int(first),
        "first_surplus": int(first and surplus),
        "unskipped": int(assignment.state == Assignment.State.SKIPPED),
        "seat": seat.pk,
    }
    if not (kept := prepared.fetch(KEEP, values)):
        raise Conflict("This judgment was sent before for another pair. The first one is kept.")
    seat.done, seat.surplus, seat.skipped, seat.active_ms = kept[0]
    seat.team_done += int(first and not surplus)


def is_surplus(*, seat: Seat, assignment: Assignment) -> bool:
    """A holder has a place. Who gave theirs back takes a free one; else the judgment is kept, but does not count."""
    holds_place = assignment.state == Assignment.State.OPEN
    if seat.campaign.is_closed:
        if holds_place:
            assignments.give_place_back(assignment=assignment)
        return True
    return not holds_place and not assignments.take_place_again(assignment=assignment)
