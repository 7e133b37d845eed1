from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from evalsite.platform import invitations
from evalsite.platform.models import AuditEntry, User
from tests.factories.platform_ import NOW, PASSWORD, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> User:
    admin = make_user(username="boss", roles=["admin"])
    client.force_login(admin)
    return admin


def test_the_list_shows_everybody_with_their_roles(client: Client, admin: User) -> None:
    make_user(username="ana", roles=["reviewer"])
    text = client.get("/people").content.decode()
    assert "ana" in text
    assert "reviewer</span>" in text


def test_the_list_asks_the_same_few_queries_however_many_people(
    client: Client, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        make_user(roles=["reviewer", "lead"])
    with django_assert_max_num_queries(4):
        client.get("/people")


def test_roles_are_changed_and_the_change_is_audited(client: Client, admin: User) -> None:
    ana = make_user(username="ana", roles=["reviewer"])
    assert client.post(f"/people/{ana.pk}", {"roles": ["lead", "admin"]}).status_code == 302
    assert User.objects.get(pk=ana.pk).roles == {"lead", "admin"}
    entry = AuditEntry.objects.get(action="person.roles_changed")
    assert entry.details == {"before": ["reviewer"], "after": ["admin", "lead"]}


def test_nobody_is_left_without_any_role_by_mistake(client: Client, admin: User) -> None:
    ana = make_user(username="ana", roles=["reviewer"])
    assert client.post(f"/people/{ana.pk}", {}).status_code == 422
    assert User.objects.get(pk=ana.pk).roles == {"reviewer"}


def test_a_reviewer_holds_no_role_that_sees_the_arms(client: Client, admin: User) -> None:
    ana = make_user(username="ana", roles=["reviewer"])
    response = client.post(f"/people/{ana.pk}", {"roles": ["reviewer", "lead"]})
    assert response.status_code == 422
    assert "cannot judge blind" in response.content.decode()
    assert User.objects.get(pk=ana.pk).roles == {"reviewer"}


def test_an_admin_cannot_lock_themselves_out(client: Client, admin: User) -> None:
    assert client.post(f"/people/{admin.pk}", {"roles": ["lead"]}).status_code == 422
    client.post(f"/people/{admin.pk}/deactivate")
    admin = User.objects.get(pk=admin.pk)
    assert admin.is_active
    assert admin.roles == {"admin"}


def test_switching_an_account_off_ends_its_session_at_once(client: Client, admin: User) -> None:
    ana = make_user(username="ana", roles=["lead"])
    hers = Client()
    hers.force_login(ana)
    assert hers.get("/audit").status_code == 200
    client.post(f"/people/{ana.pk}/deactivate")
    assert hers.get("/audit").status_code == 302
    client.post(f"/people/{ana.pk}/reactivate")
    hers.force_login(User.objects.get(pk=ana.pk))
    assert hers.get("/audit").status_code == 200
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "person.deactivated",
        "person.reactivated",
    ]


def test_a_password_form_sent_twice_gives_one_password(client: Client, admin: User) -> None:
    client.force_login(admin)
    ana = make_user(username="ana")
    form = {"request": str(uuid4())}
    first, second = (client.post(f"/people/{ana.pk}/password", form).content.decode() for _ in range(2))
    password = first.split('id="secret" value="')[1].split('"')[0]
    assert password == second.split('id="secret" value="')[1].split('"')[0]
    assert AuditEntry.objects.filter(action="person.password_replaced").count() == 1
    ana.refresh_from_db()
    ana.set_password("a new one of hers")
    ana.save()
    assert client.post(f"/people/{ana.pk}/password", form).status_code == 302
    ana.refresh_from_db()
    assert ana.check_password("a new one of hers")


def test_a_new_password_is_shown_once_and_ends_every_session(client: Client, admin: User) -> None:
    ana = make_user(username="ana")
    hers = Client()
    hers.force_login(ana)
    response = client.post(f"/people/{ana.pk}/password")
    password = response.content.decode().split('id="secret" value="')[1].split('"')[0]
    assert User.objects.get(pk=ana.pk).check_password(password)
    assert hers.get("/account").status_code == 302
    assert password not in client.get(f"/people/{ana.pk}").content.decode()
    assert password not in str(list(AuditEntry.objects.values()))


def test_open_invitations_are_listed_and_can_be_revoked(client: Client, admin: User) -> None:
    invitation, token = invitations.invite(
        invited_by=admin, roles=["lead"], note="Dana from support", now=timezone.now()
    )
    assert "Dana from support" in client.get("/people").content.decode()
    client.post(f"/people/invitations/{invitation.pk}/revoke")
    assert "Dana from support" not in client.get("/people").content.decode()
    with pytest.raises(invitations.InvitationUsed):
        invitations.accept(token=token, username="late", password=PASSWORD, now=NOW)


def test_revoking_twice_finds_nothing(client: Client, admin: User) -> None:
    invitation, _ = invitations.invite(invited_by=admin, roles=["lead"], now=NOW)
    assert client.post(f"/people/invitations/{invitation.pk}/revoke").status_code == 404
