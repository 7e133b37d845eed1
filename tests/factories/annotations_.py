"""Campaigns, pairs, seats and what reviewers did, whose every default is valid."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from annotations.models import Assignment, Campaign, ComparisonTask, Criterion, Judgment, Seat
from annotations.services import assignments, guidelines, judgments, seats
from annotations.services.judgments import Verdict
from annotations.services.seats import RING, SYSTEM_RANDOM
from evalsite.platform.models import User
from tests.factories.platform_ import NOW, make_user

numbers = count(1)


def make_campaign(*, tasks: int = 0, text: str = "Which answer would you send?", **fields: Any) -> Campaign:
    """An open campaign with the default criteria, first guidelines, and so many pairs."""
    values = {
        "title": f"Round {next(numbers)}",
        "question": "Which answer would you rather send to the customer?",
        "status": Campaign.Status.OPEN,
        "created_at": NOW,
        "opened_at": NOW,
    }
    campaign = Campaign.objects.create(**{**values, **fields})
    for position, (key, label) in enumerate(Criterion.DEFAULTS):
        Criterion.objects.create(campaign=campaign, key=key, label=label, position=position)
    guidelines.publish(campaign=campaign, text=text, now=NOW)
    for _ in range(tasks):
        make_task(campaign=campaign)
    campaign.refresh_from_db()
    return campaign


def make_task(*, campaign: Campaign | None = None, **fields: Any) -> ComparisonTask:
    campaign = campaign or make_campaign()
    number = next(numbers)
    values = {
        "prompt": f"How do I do thing {number}?",
        "response_1": f"Like **this** ({number}).",
        "response_2": f"Like *that* ({number}).",
        "random_key": SYSTEM_RANDOM.randrange(RING),
        "needed": campaign.reviewers_per_pair,
    }
    task = ComparisonTask.objects.create(campaign=campaign, **{**values, **fields})
    Campaign.objects.filter(pk=campaign.pk).update(
        n_tasks=campaign.tasks.filter(identical=False).count(),
        n_identical=campaign.tasks.filter(identical=True).count(),
    )
    return task


def make_reviewer(*, username: str = "") -> User:
    return make_user(username=username, roles=["reviewer"])


def make_seat(*, campaign: Campaign | None = None, reviewer: User | None = None) -> Seat:
    return seats.add(campaign=campaign or make_campaign(), reviewer=reviewer or make_reviewer(), now=NOW)


@transaction.atomic
def claim(seat: Seat, *, now: datetime = NOW, wait: bool = True) -> Assignment | None:
    """What the judging page would show now."""
    locked = seats.lock(campaign=seat.campaign.uuid, reviewer=seat.reviewer)
    return assignments.claim_next(seat=locked, now=now, wait=wait)


def claim_some(seat: Seat, *, now: datetime = NOW) -> Assignment:
    assignment = claim(seat, now=now)
    assert assignment is not None
    return assignment


@transaction.atomic
def judge(
    seat: Seat,
    assignment: Assignment,
    *,
    choice: str = "a",
    judgment_id: UUID | None = None,
    now: datetime = NOW,
    **said: Any,
) -> Judgment:
    locked = seats.lock(campaign=seat.campaign.uuid, reviewer=seat.reviewer)
    return judgments.submit(
        seat=locked,
        assignment=assignments.of_campaign(seat=locked, uuid=assignment.uuid),
        judgment_id=judgment_id or uuid4(),
        verdict=Verdict(choice=choice, **said),
        now=now,
    )


@transaction.atomic
def skip(seat: Seat, assignment: Assignment, *, reason: str = "other", now: datetime = NOW) -> None:
    locked = seats.lock(campaign=seat.campaign.uuid, reviewer=seat.reviewer)
    held = assignments.of_campaign(seat=locked, uuid=assignment.uuid)
    assignments.skip(seat=locked, assignment=held, reason=reason, now=now)


def judge_all(seat: Seat, *, choices: Sequence[str] = ("a",), now: datetime = NOW) -> int:
    """Judge everything this seat is given; how many that were."""
    done = 0
    while assignment := claim(seat, now=now):
        judge(seat, assignment, choice=choices[done % len(choices)], now=now)
        done += 1
    return done
