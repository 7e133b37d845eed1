import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


def test_what_a_view_puts_into_a_session_is_not_in_the_next_reading_of_it(client: Client) -> None:
    client.force_login(make_user())
    session = client.session
    session["list"] = ["kept"]
    session.save()
    client.session["list"].append("not kept")
    assert client.session["list"] == ["kept"]


def test_a_session_whose_data_was_changed_is_nobodys(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/account").status_code == 200
    stored = Session.objects.get()
    stored.session_data = stored.session_data[:-1] + ("a" if stored.session_data[-1] != "a" else "b")
    stored.save()
    assert client.get("/account").status_code == 302
