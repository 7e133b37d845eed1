from datetime import timedelta

import pytest

from evalsite.platform import invitations
from evalsite.platform.models import Invitation, User
from tests.factories.platform_ import NOW, PASSWORD, make_user

pytestmark = pytest.mark.django_db


def test_an_invited_person_gets_the_roles_of_the_invitation() -> None:
    _, token = invitations.invite(invited_by=make_user(roles=["admin"]), roles=["reviewer"], now=NOW)
    person = invitations.accept(token=token, username="newcomer", password=PASSWORD, now=NOW)
    assert person.roles == {"reviewer"}


def test_an_invitation_lets_in_one_person_once() -> None:
    _, token = invitations.invite(invited_by=make_user(), roles=["lead"], now=NOW)
    invitations.accept(token=token, username="first", password=PASSWORD, now=NOW)
    with pytest.raises(invitations.InvitationUsed):
        invitations.accept(token=token, username="second", password=PASSWORD, now=NOW)
    assert not User.objects.filter(username="second").exists()


def test_an_old_or_revoked_invitation_lets_nobody_in() -> None:
    admin = make_user(roles=["admin"])
    _, old = invitations.invite(invited_by=admin, roles=["lead"], now=NOW - timedelta(days=8))
    revoked, token = invitations.invite(invited_by=admin, roles=["lead"], now=NOW)
    invitations.revoke(invitation=revoked, revoked_by=admin, now=NOW)
    for each in (old, token):
        with pytest.raises(invitations.InvitationUsed):
            invitations.accept(token=each, username="late", password=PASSWORD, now=NOW)


def test_the_token_itself_is_nowhere_in_the_database() -> None:
    _, token = invitations.invite(invited_by=make_user(), roles=["lead"], now=NOW)
    assert token not in str(Invitation.objects.values())
