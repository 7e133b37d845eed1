"""An open campaign with many pairs and logged-in reviewers, made straight in the database."""

from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from itertools import islice
from random import Random

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from annotations.models import Campaign, ComparisonTask, Criterion
from annotations.services import guidelines, seats
from annotations.services.seats import RING
from evalsite.platform import invitations
from evalsite.platform.models import Role, User

BATCH = 2000


def make_campaign(*, pairs: int, reviewers_per_pair: int, rng: Random) -> Campaign:
    now = timezone.now()
    campaign = Campaign.objects.create(
        title="Measured round",
        question="Which answer would you rather send to the customer?",
        status=Campaign.Status.OPEN,
        reviewers_per_pair=reviewers_per_pair,
        n_tasks=pairs,
        created_at=now,
        opened_at=now,
    )
    for position, (key, label) in enumerate(Criterion.DEFAULTS):
        Criterion.objects.create(campaign=campaign, key=key, label=label, position=position)
    guidelines.publish(campaign=campaign, text="Choose the answer you would send.", now=now)
    tasks = make_tasks(campaign, pairs, rng)
    while batch := list(islice(tasks, BATCH)):
        ComparisonTask.objects.bulk_create(batch)
    return campaign


def make_tasks(campaign: Campaign, pairs: int, rng: Random) -> Iterator[ComparisonTask]:
    for number in range(pairs):
        yield ComparisonTask(
            campaign=campaign,
            prompt=f"How do I export invoice {number}?",
            response_1=f"Open **Invoices**, choose number {number}, then *Export*.",
            response_2=f"1. Open the invoice list\n2. Tick {number}\n3. Press `Export`",
            random_key=rng.randrange(RING),
            needed=campaign.reviewers_per_pair,
        )


def make_reviewers(*, campaign: Campaign, count: int, now: datetime, name: str = "reviewer") -> list[User]:
    people = [
        invitations.create_person(username=f"{name}{number}", password=None, roles=[Role.REVIEWER])
        for number in range(count)
    ]
    for person in people:
        seats.add(campaign=campaign, reviewer=person, now=now)
    return people


def session_of(user: User) -> str:
    """The cookie of somebody who has logged in, without the time that checking a password takes."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "evalsite.platform.roles.RoleBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)
