"""Closed sign-up: an admin makes a link, one person uses it once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.auth.models import Group
from django.db import transaction

from evalsite.platform import audit, tokens
from evalsite.platform.models import Invitation, User

VALID_FOR = timedelta(days=7)


class InvitationUsed(Exception):
    """This link was used, revoked, or is too old. Ask the admin who sent it for a new one."""


class SentBefore(Exception):
    """This form was sent before with other content. The first link stands; reload the page to make another."""


@transaction.atomic
def invite(
    *, invited_by: User, roles: Sequence[str], note: str = "", now: datetime, request: UUID | None = None
) -> tuple[Invitation, str]:
    """The invitation and its token, which nobody can read again later. One form sent twice makes one invitation."""
    token = tokens.token_of(purpose="invitation", request=request or uuid4(), whom=invited_by.pk)
    invitation, is_new = Invitation.objects.get_or_create(
        token_hash=tokens.hash_token(token),
        defaults={
            "roles": list(roles),
            "note": note,
            "invited_by": invited_by,
            "created_at": now,
            "expires_at": now + VALID_FOR,
        },
    )
    if not is_new:
        if (sorted(invitation.roles), invitation.note) != (sorted(roles), note):
            raise SentBefore(SentBefore.__doc__)
        return invitation, token
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


def accepted_by(*, token: str) -> User | None:
    """Who made their account with this link: they may not have seen the answer."""
    used = Invitation.objects.filter(token_hash=tokens.hash_token(token)).select_related("accepted_by").first()
    return used.accepted_by if used else None


@transaction.atomic
def revoke(*, invitation: Invitation, revoked_by: User, now: datetime) -> None:
    if not Invitation.objects.open(now=now).filter(pk=invitation.pk).update(revoked_at=now):
        return
    audit.record(
        actor=revoked_by, action="invitation.revoked", subject=f"invitation {invitation.pk}", details={}, now=now
    )


@transaction.atomic
def create_person(*, username: str, password: str | None, roles: Sequence[str]) -> User:
    user: User = User.objects.create_user(username=username, password=password)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user
