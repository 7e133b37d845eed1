"""What an admin does with accounts: roles, leaving and coming back, a new password. Each act is audited."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import Role, User


class OwnAccount(Exception):
    """Nobody takes away their own access: ask another admin, so that one admin always remains."""


@transaction.atomic
def set_roles(*, person: User, roles: Sequence[str], by: User, now: datetime) -> None:
    before = sorted(person.groups.values_list("name", flat=True))
    if person.pk == by.pk and Role.ADMIN in before and Role.ADMIN not in roles:
        raise OwnAccount(OwnAccount.__doc__)
    if before == sorted(roles):
        return
    person.groups.set(Group.objects.filter(name__in=roles))
    audit.record(
        actor=by,
        action="person.roles_changed",
        subject=person.username,
        details={"before": before, "after": sorted(roles)},
        now=now,
    )


@transaction.atomic
def deactivate(*, person: User, by: User, now: datetime) -> None:
    """Their sessions end with their next request; what they did stays."""
    if person.pk == by.pk:
        raise OwnAccount(OwnAccount.__doc__)
    switch(person=person, active=False, by=by, now=now)


@transaction.atomic
def reactivate(*, person: User, by: User, now: datetime) -> None:
    switch(person=person, active=True, by=by, now=now)


def switch(*, person: User, active: bool, by: User, now: datetime) -> None:
    if not User.objects.filter(pk=person.pk, is_active=not active).update(is_active=active):
        return
    action = "person.reactivated" if active else "person.deactivated"
    audit.record(actor=by, action=action, subject=person.username, details={}, now=now)


@transaction.atomic
def give_new_password(*, person: User, by: User | None, now: datetime) -> str:
    """A random password to hand over; every session of this person ends."""
    password = random_password()
    person.set_password(password)
    person.save(update_fields=["password"])
    audit.record(actor=by, action="person.password_replaced", subject=person.username, details={}, now=now)
    return password


def random_password() -> str:
    return secrets.token_urlsafe(12)
