import pytest
from django.test import Client

from tests.factories.platform_ import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def log_in(client: Client, name: str, password: str, **extra: str) -> int:
    return client.post("/login", {"username": name, "password": password, **extra}).status_code


def test_every_page_asks_a_stranger_to_log_in_and_remembers_where_they_wanted_to_go(client: Client) -> None:
    response = client.get("/people?page=2")
    assert response.status_code == 302
    assert response.headers["Location"] == "/login?next=/people%3Fpage%3D2"


def test_the_right_password_leads_to_the_page_asked_for(client: Client) -> None:
    make_user(username="ana", roles=["lead"])
    response = client.post("/login", {"username": "ana", "password": PASSWORD, "next": "/audit"})
    assert response.status_code == 302
    assert response.headers["Location"] == "/audit"


def test_logging_in_never_leads_to_another_site(client: Client) -> None:
    make_user(username="ana", roles=["lead"])
    response = client.post("/login", {"username": "ana", "password": PASSWORD, "next": "https://evil.example/"})
    assert response.headers["Location"] == "/"


def test_a_wrong_password_says_so_without_telling_whether_the_name_exists(client: Client) -> None:
    make_user(username="ana")
    known = client.post("/login", {"username": "ana", "password": "wrong"}).content.decode()
    unknown = client.post("/login", {"username": "bob", "password": "wrong"}).content.decode()
    sentence = "This name and password do not fit together."
    assert sentence in known
    assert sentence in unknown


def test_after_five_wrong_passwords_even_the_right_one_waits(client: Client) -> None:
    make_user(username="ana")
    for _ in range(4):
        assert log_in(client, "ana", "wrong") == 200
    assert log_in(client, "ana", "wrong") == 429
    response = client.post("/login", {"username": "ana", "password": PASSWORD})
    assert response.status_code == 429
    assert "15 minutes" in response.content.decode()


def test_a_locked_name_locks_nobody_else_out(client: Client) -> None:
    make_user(username="ana")
    make_user(username="bob")
    for _ in range(5):
        log_in(client, "ana", "wrong")
    assert log_in(client, "bob", PASSWORD) == 302


def test_an_account_switched_off_cannot_log_in(client: Client) -> None:
    user = make_user(username="ana")
    user.is_active = False
    user.save()
    assert log_in(client, "ana", PASSWORD) == 200
    assert "_auth_user_id" not in client.session


def test_logging_out_takes_a_post(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302
    assert client.get("/account").status_code == 302
