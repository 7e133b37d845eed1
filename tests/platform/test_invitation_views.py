import re
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from evalsite.platform import invitations
from evalsite.platform.models import AuditEntry, Invitation, User
from tests.factories.platform_ import NOW, PASSWORD, make_user

pytestmark = pytest.mark.django_db

FILLED = {"username": "newcomer", "password": PASSWORD, "again": PASSWORD}


def new_link(*roles: str) -> str:
    _, token = invitations.invite(
        invited_by=make_user(username="boss", roles=["admin"]), roles=roles or ["reviewer"], now=timezone.now()
    )
    return f"/invite/{token}"


def without_csrf_token(page: bytes) -> bytes:
    return re.sub(rb'"X-CSRFToken": "\w+"', b"", page)


def test_an_admin_gets_a_link_that_is_shown_once_and_works(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    made = client.post("/people/invite", {"roles": ["reviewer"], "note": "Dana"})
    link = re.search(r"http://testserver(/invite/[\w-]+)", made.content.decode())
    assert link
    assert link[1] not in client.get("/people").content.decode()
    assert Client().get(link[1]).status_code == 200


def test_an_invitation_needs_a_role(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    assert client.post("/people/invite", {"note": "Dana"}).status_code == 422
    assert not Invitation.objects.exists()


def test_whoever_follows_the_link_makes_an_account_and_is_logged_in(client: Client) -> None:
    response = client.post(new_link("reviewer"), FILLED)
    assert response.status_code == 302
    person = User.objects.get(username="newcomer")
    assert person.roles == {"reviewer"}
    assert client.get("/account").status_code == 200


def test_the_link_works_once(client: Client) -> None:
    link = new_link()
    client.post(link, FILLED)
    second = Client()
    assert second.get(link).status_code == 410
    assert second.post(link, {**FILLED, "username": "another"}).status_code == 410
    assert not User.objects.filter(username="another").exists()


def test_an_invitation_form_sent_twice_makes_one_link(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    form = {"roles": ["reviewer"], "note": "Dana", "request": str(uuid4())}
    links = [re.search(r"http://testserver/invite/[\w-]+", client.post("/people/invite", form).content.decode())]
    links.append(re.search(r"http://testserver/invite/[\w-]+", client.post("/people/invite", form).content.decode()))
    assert links[0]
    assert links[1]
    assert links[0][0] == links[1][0]
    assert Invitation.objects.count() == AuditEntry.objects.filter(action="invitation.made").count() == 1
    assert client.post("/people/invite", {**form, "roles": ["lead"]}).status_code == 409


def test_another_admins_form_gives_another_link(client: Client) -> None:
    request = uuid4()
    first, second = make_user(roles=["admin"]), make_user(roles=["admin"])
    made = [
        invitations.invite(invited_by=admin, roles=["reviewer"], request=request, now=NOW)[1]
        for admin in (first, second)
    ]
    assert made[0] != made[1]


def test_whoever_lost_the_answer_is_let_in_by_sending_the_form_again(client: Client) -> None:
    link = new_link()
    client.post(link, FILLED)
    again = Client()
    assert again.post(link, {**FILLED, "password": "something else 1"}).status_code == 410
    assert again.get("/account").status_code == 302
    assert again.post(link, FILLED).status_code == 302
    assert again.get("/account").status_code == 200
    assert User.objects.filter(username="newcomer").count() == 1


def test_an_old_link_and_an_invented_one_look_the_same(client: Client) -> None:
    _, token = invitations.invite(invited_by=make_user(), roles=["lead"], now=NOW)
    old, invented = client.get(f"/invite/{token}"), client.get("/invite/invented")
    assert old.status_code == invented.status_code == 410
    assert without_csrf_token(old.content) == without_csrf_token(invented.content)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"username": "Taken"}, "has this name already"),
        ({"username": "no space"}, "valid username"),
        ({"again": "other"}, "passwords differ"),
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": "newcomer123", "again": "newcomer123"}, "too similar"),
    ],
)
def test_what_cannot_be_accepted_is_explained_and_the_link_still_works(
    client: Client, change: dict[str, str], words: str
) -> None:
    make_user(username="taken")
    link = new_link()
    refused = client.post(link, {**FILLED, **change})
    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert client.post(link, FILLED).status_code == 302


def test_somebody_logged_in_does_not_use_up_the_link(client: Client) -> None:
    link = new_link()
    client.force_login(make_user())
    assert client.get(link).status_code == 409
    assert client.post(link, FILLED).status_code == 409
    assert Client().get(link).status_code == 200
