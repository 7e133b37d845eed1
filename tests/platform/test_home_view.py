import pytest
from django.test import Client

from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("roles", "target"),
    [
        (["reviewer"], "/review/"),
        (["lead"], "/experiments/"),
        (["admin"], "/experiments/"),
        (["reviewer", "lead"], "/experiments/"),
    ],
)
def test_everybody_starts_where_their_work_is(client: Client, roles: list[str], target: str) -> None:
    client.force_login(make_user(roles=roles))
    assert client.get("/").headers["Location"] == target


def test_somebody_without_a_role_learns_whom_to_ask(client: Client) -> None:
    client.force_login(make_user())
    response = client.get("/")
    assert response.status_code == 200
    assert "Ask an admin" in response.content.decode()


def test_the_chosen_colours_are_in_the_first_byte_of_the_next_page(client: Client) -> None:
    response = client.post("/theme", {"theme": "dark", "next": "/login"})
    assert response.headers["Location"] == "/login"
    assert 'data-theme="dark"' in client.get("/login").content.decode()
    client.post("/theme", {"theme": "system"})
    assert "data-theme=" not in client.get("/login").content.decode()


@pytest.mark.parametrize("theme", ["", "'><script>", "blue"])
def test_a_theme_nobody_offers_is_not_kept(client: Client, theme: str) -> None:
    assert not client.post("/theme", {"theme": theme}).cookies


def test_choosing_colours_never_leads_to_another_site(client: Client) -> None:
    assert client.post("/theme", {"theme": "dark", "next": "//evil.example"}).headers["Location"] == "/"
