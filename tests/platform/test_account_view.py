import pytest
from django.test import Client

from evalsite.platform.models import AuditEntry
from tests.factories.platform_ import PASSWORD, make_user

pytestmark = pytest.mark.django_db

NEW = "a much better password"


def test_changing_the_password_keeps_this_browser_and_ends_the_others(client: Client) -> None:
    user = make_user()
    other = Client()
    client.force_login(user)
    other.force_login(user)
    response = client.post("/account", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
    assert response.status_code == 302
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)
    assert AuditEntry.objects.filter(action="person.password_changed", subject=user.username).exists()


@pytest.mark.parametrize(
    ("old", "new", "again"), [("wrong", NEW, NEW), (PASSWORD, NEW, "other"), (PASSWORD, "short", "short")]
)
def test_a_change_that_cannot_be_made_says_why_and_changes_nothing(
    client: Client, old: str, new: str, again: str
) -> None:
    user = make_user()
    client.force_login(user)
    response = client.post("/account", {"old_password": old, "new_password1": new, "new_password2": again})
    assert response.status_code == 422
    assert 'class="error"' in response.content.decode()
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_the_page_names_the_roles(client: Client) -> None:
    client.force_login(make_user(roles=["lead", "admin"]))
    text = client.get("/account").content.decode()
    assert "lead</span>" in text
    assert "admin</span>" in text
