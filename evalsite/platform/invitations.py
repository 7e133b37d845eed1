"""Closed sign-up: an admin makes a link, one person uses it once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.db import transaction

from evalsite.platform import audit, tokens
from evalsite.platform.models import Invitation, User

VALID_FOR = timedelta(days=7)


class InvitationUsed(Exception):
    """This link was used, revoked, or is too old. Ask the admin who sent it for a new one."""


@transaction.atomic
def invite(*, invited_by: User, roles: Sequence[str], note: str = "", now: datetime) -> tuple[Invitation, str]:
    """The invitation and its token, which nobody can read again later."""
    token, digest = tokens.new_token()
    invitation = Invitation.objects.create(
        token_hash=digest,
        roles=list(roles),
        note=note,
        invited_by=invited_by,
        created_at=now,
        expires_at=now + VALID_FOR,
    )
    audit.record(
        actor=invited_by,
        action="invitation.made",
        subject=f"invitation {invitation.pk}",
        details={"roles": list(roles)},
        now=now,
    )
    return invitation, token


@transaction.atomic
def accept(*, token: str, username: str, password: str, now: datetime) -> User:
    invitation = (
        Invitation.objects.open(now=now).select_for_update().filter(token_hash=tokens.hash_token(token)).first()
    )
    if invitation is None:
        raise InvitationUsed(InvitationUsed.__doc__)
    user = create_person(username=username, password=password, roles=invitation.roles)
    invitation.accepted_at, invitation.accepted_by = now, user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    audit.record(actor=user, action="invitation.accepted", subject=f"invitation {invitation.pk}", details={}, now=now)
    return user


@transaction.atomic
def revoke(*, invitation: Invitation, revoked_by: User, now: datetime) -> None:
    Invitation.objects.open(now=now).filter(pk=invitation.pk).update(revoked_at=now)
    audit.record(
        actor=revoked_by, action="invitation.revoked", subject=f"invitation {invitation.pk}", details={}, now=now
    )


@transaction.atomic
def create_person(*, username: str, password: str | None, roles: Sequence[str]) -> User:
    user: User = User.objects.create_user(username=username, password=password)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user
