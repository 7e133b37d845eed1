"""What an admin does with accounts: roles, leaving and coming back, a new password. Each act is audited."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction

from evalsite.platform import audit, tokens
from evalsite.platform.models import AuditEntry, Role, User


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


class PasswordMovedOn(Exception):
    """This form was sent before, and the password was changed since. Reload the page to give another one."""


@transaction.atomic
def give_new_password(*, person: User, by: User, request: UUID, now: datetime) -> str:
    """A random password to hand over; every session of this person ends. One form sent twice gives one password."""
    held = User.objects.select_for_update(of=("self",), no_key=True).get(pk=person.pk)
    password = tokens.token_of(purpose="password", request=request, whom=held.pk)[:16]
    # Only its hash is kept: with the id itself and the secret key the password could be made again.
    details = {"request": tokens.hash_token(str(request))}
    sent_before = AuditEntry.objects.filter(action="person.password_replaced", subject=held.username, details=details)
    if sent_before.exists():
        if not held.check_password(password):
            raise PasswordMovedOn(PasswordMovedOn.__doc__)
        return password
    held.set_password(password)
    held.save(update_fields=["password"])
    audit.record(actor=by, action="person.password_replaced", subject=held.username, details=details, now=now)
    return password


def random_password() -> str:
    return secrets.token_urlsafe(12)
