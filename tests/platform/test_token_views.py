import re
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from evalsite.platform import api_tokens, people
from evalsite.platform.models import ApiToken, AuditEntry, User
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db

FILLED = {"name": "nightly", "scopes": ["read", "benchmarks"], "days": "90"}


def made(by: User, *scopes: str, days: int | None = None) -> tuple[ApiToken, str]:
    expires_at = NOW + timedelta(days=days) if days else None
    return api_tokens.make(name="nightly", scopes=scopes or ["read"], expires_at=expires_at, created_by=by, now=NOW)


def test_a_lead_makes_a_token_that_is_shown_once(client: Client) -> None:
    client.force_login(make_user(roles=["lead"]))
    answer = client.post("/tokens/new", FILLED)
    [secret] = re.findall(r"evs_[\w-]{30,}", answer.content.decode())
    used = api_tokens.use(presented=secret, now=timezone.now())
    assert used
    assert used.token.scopes == ["benchmarks", "read"]
    assert secret not in client.get("/tokens/").content.decode()
    assert "nightly" in client.get("/tokens/").content.decode()


def test_one_form_sent_twice_makes_one_token_and_shows_it_again(client: Client) -> None:
    client.force_login(make_user(roles=["lead"]))
    form = {**FILLED, "request": str(uuid4())}
    first, again = (re.findall(r"evs_[\w-]{30,}", client.post("/tokens/new", form).content.decode()) for _ in range(2))
    assert first == again
    assert len(first) == 1
    assert ApiToken.objects.count() == AuditEntry.objects.filter(action="token.made").count() == 1
    assert client.post("/tokens/new", {**FILLED, "request": str(uuid4())}).status_code == 200
    assert ApiToken.objects.count() == 2


def test_one_form_with_other_content_or_of_a_revoked_token_makes_none(client: Client) -> None:
    client.force_login(make_user(roles=["lead"]))
    form = {**FILLED, "request": str(uuid4())}
    client.post("/tokens/new", form)
    other = client.post("/tokens/new", {**form, "days": "30"})
    assert other.status_code == 409
    assert "sent before with other content" in other.content.decode()
    client.post(f"/tokens/{ApiToken.objects.get().pk}/revoke")
    assert "revoked since" in client.post("/tokens/new", form).content.decode()
    assert ApiToken.objects.count() == 1


def test_a_form_seen_by_another_makes_them_a_token_of_their_own(client: Client) -> None:
    form, made_by = {**FILLED, "request": str(uuid4())}, []
    for _ in range(2):
        client.force_login(make_user(roles=["lead"]))
        made_by += re.findall(r"evs_[\w-]{30,}", client.post("/tokens/new", form).content.decode())
    assert len(set(made_by)) == 2


def test_only_the_hash_of_a_token_is_kept() -> None:
    _, secret = made(make_user(roles=["lead"]))
    row = ApiToken.objects.values().get()
    assert all(secret not in str(value) for value in row.values())
    assert all(secret not in str(entry) for entry in AuditEntry.objects.values())


def test_a_token_needs_a_name_and_a_scope(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    assert client.post("/tokens/new", {"name": "nightly", "days": "90"}).status_code == 422
    assert client.post("/tokens/new", {"scopes": ["read"], "days": "90"}).status_code == 422
    assert not ApiToken.objects.exists()


def test_a_revoked_token_opens_nothing_and_its_end_is_on_record(client: Client) -> None:
    lead = make_user(roles=["lead"])
    token, secret = made(lead)
    client.force_login(lead)
    client.post(f"/tokens/{token.pk}/revoke")
    client.post(f"/tokens/{token.pk}/revoke")
    assert api_tokens.use(presented=secret, now=NOW) is None
    assert AuditEntry.objects.filter(action="token.revoked").count() == 1
    assert "revoked" in client.get("/tokens/").content.decode()


def test_a_token_ends_with_its_time() -> None:
    _, secret = made(make_user(roles=["lead"]), days=30)
    assert api_tokens.use(presented=secret, now=NOW + timedelta(days=29))
    assert api_tokens.use(presented=secret, now=NOW + timedelta(days=30)) is None


def test_a_token_opens_no_more_than_its_maker_may() -> None:
    lead, admin = make_user(roles=["lead"]), make_user(roles=["admin"])
    _, secret = made(lead)
    people.set_roles(person=lead, roles=["reviewer"], by=admin, now=NOW)
    assert api_tokens.use(presented=secret, now=NOW) is None
    people.set_roles(person=lead, roles=["lead"], by=admin, now=NOW)
    assert api_tokens.use(presented=secret, now=NOW)
    people.deactivate(person=lead, by=admin, now=NOW)
    assert api_tokens.use(presented=secret, now=NOW) is None


def test_a_lead_sees_and_revokes_only_their_own(client: Client) -> None:
    token, secret = made(make_user(roles=["lead"]))
    client.force_login(make_user(roles=["lead"]))
    assert "nightly" not in client.get("/tokens/").content.decode()
    assert client.post(f"/tokens/{token.pk}/revoke").status_code == 404
    client.force_login(make_user(roles=["admin"]))
    assert "nightly" in client.get("/tokens/").content.decode()
    assert client.post(f"/tokens/{token.pk}/revoke").status_code == 302
    assert api_tokens.use(presented=secret, now=NOW) is None


def test_requests_are_counted_by_the_minute() -> None:
    _, secret = made(make_user(roles=["lead"]))
    counts = [api_tokens.use(presented=secret, now=NOW + timedelta(seconds=at)) for at in (0, 1, 59, 60)]
    assert [one.requests if one else None for one in counts] == [1, 2, 3, 1]


def test_the_command_prints_a_token_that_works() -> None:
    make_user(username="dana", roles=["lead"])
    out = StringIO()
    call_command("create_token", "nightly", "--user", "dana", "--scope", "read", stdout=out)
    assert api_tokens.use(presented=out.getvalue().strip(), now=timezone.now())


def test_the_command_makes_none_for_a_reviewer() -> None:
    make_user(username="dana", roles=["reviewer"])
    with pytest.raises(CommandError, match="no active lead or admin"):
        call_command("create_token", "nightly", "--user", "dana", "--scope", "read")
