"""The demo's reviewers at work: what they think of a pair, said through the same services as a browser's clicks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import uuid4

from django.db import transaction

from annotations.models import Assignment, Campaign, Seat
from annotations.services import assignments, guidelines, judgments, seats
from annotations.services.judgments import Verdict
from evalsite.platform.models import User
from experiments.models import BlindedPair

PAIRS_PER_SITTING = 13
BETWEEN_SITTINGS = timedelta(hours=4)


@dataclass(frozen=True)
class Opinion:
    """By arm, as in the file: which side it becomes depends on how the pair was shown."""

    choice: str
    active_ms: int
    criteria: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


Opinions = Mapping[str, Opinion]
"""By the case's external id."""


def review(*, campaign: Campaign, reviewer: User, opinions: Opinions, target: int, start: datetime, rng: Random) -> int:
    """Judge until `target` pairs are done, those done earlier counted; how many were judged now."""
    seat = Seat.objects.select_related("campaign").get(campaign=campaign, reviewer=reviewer)
    now, judged = start, 0
    for _ in range(seat.done, target):
        finished_at = judge_next(seat=seat, opinions=opinions, now=now)
        if finished_at is None:
            break
        judged += 1
        pause = BETWEEN_SITTINGS if judged % PAIRS_PER_SITTING == 0 else timedelta(seconds=rng.uniform(1, 8))
        now = finished_at + pause
    return judged


@transaction.atomic
def judge_next(*, seat: Seat, opinions: Opinions, now: datetime) -> datetime | None:
    """When the next pair was done; None when there is none for this reviewer."""
    locked = seats.lock(campaign=seat.campaign.uuid, reviewer=seat.reviewer)
    assignment = assignments.claim_next(seat=locked, now=now, wait=True)
    if assignment is None:
        return None
    shown = locked.campaign.current_guidelines
    number = shown.number if shown else 0
    guidelines.mark_seen(seat=locked, number=number)
    verdict = as_seen(assignment=assignment, opinions=opinions, guidelines_number=number)
    finished_at = now + timedelta(milliseconds=verdict.active_ms)
    judgments.submit(seat=locked, assignment=assignment, judgment_id=uuid4(), verdict=verdict, now=finished_at)
    return finished_at


def as_seen(*, assignment: Assignment, opinions: Opinions, guidelines_number: int) -> Verdict:
    pair = BlindedPair.objects.select_related("case").get(task=assignment.task_id)
    opinion = opinions[pair.case.external_id]
    on_left, on_right = "candidate", "baseline"
    if assignment.first_option != pair.candidate_option:
        on_left, on_right = on_right, on_left
    side = {on_left: "a", on_right: "b", "tie": "tie", "both_bad": "both_bad"}
    return Verdict(
        choice=side[opinion.choice],
        criteria={key: side[arm] for key, arm in opinion.criteria.items()},
        comment=opinion.comment,
        active_ms=opinion.active_ms,
        guidelines=guidelines_number,
    )
