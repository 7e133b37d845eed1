"""Who may review in a campaign, and the lock that lines up one reviewer's tabs."""

from datetime import datetime
from random import Random, SystemRandom
from uuid import UUID

from django.db import transaction

from annotations.models import Assignment, Campaign, Seat
from annotations.reports import seated
from evalsite.platform.models import Role, User

SYSTEM_RANDOM = SystemRandom()
RING = 2**63


class NotBlind(Exception):
    """This person can see which response is whose, so may not review."""


@transaction.atomic
def add(*, campaign: Campaign, reviewer: User, now: datetime, rng: Random = SYSTEM_RANDOM) -> Seat:
    """Seat a reviewer, or seat them again after removal; their walk starts at a random place."""
    if reviewer.has_role(Role.LEAD, Role.ADMIN):
        raise NotBlind(f"{reviewer.username} is a lead or an admin and can see which response is whose.")
    start = rng.randrange(RING)
    seat, _ = Seat.objects.get_or_create(
        campaign=campaign,
        reviewer=reviewer,
        defaults={"created_at": now, "ring_start": start, "ring_cursor": start},
    )
    if seat.removed_at:
        seat.removed_at = None
        seat.save(update_fields=["removed_at"])
    return seat


def remove(*, seat: Seat, now: datetime) -> bool:
    """Judgments made so far stay; a pair still open goes to the others when its lease ends. False if gone already."""
    return bool(Seat.objects.filter(pk=seat.pk, removed_at__isnull=True).update(removed_at=now))


def lock(*, campaign: UUID, reviewer: User) -> Seat:
    """The reviewer's seat, locked until COMMIT, with all that the judging page says about the campaign."""
    return seated.in_campaign(campaign=campaign, reviewer=reviewer, lock=True)


def lock_with_pair(*, campaign: UUID, reviewer: User, pair: UUID) -> tuple[Seat, Assignment]:
    return seated.with_pair(campaign=campaign, reviewer=reviewer, pair=pair)
