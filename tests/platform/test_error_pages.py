import pytest
from django.core.exceptions import BadRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from pytest_django import DjangoAssertNumQueries

from evalsite.platform.views import errors
from evalsite.urls import urlpatterns as site_urls
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


def fail(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("secret words")


def refuse(request: HttpRequest) -> HttpResponse:
    raise BadRequest("bad")


urlpatterns = [*site_urls, path("fail", fail), path("refuse", refuse)]
handler400, handler500 = errors.bad_request, errors.server_error


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(make_user())
    client.raise_request_exception = False
    return client


def test_a_page_nobody_made_says_so(person: Client) -> None:
    response = person.get("/nowhere")
    assert response.status_code == 404
    assert "Nothing here" in response.content.decode()


def test_a_page_for_another_role_names_the_role(person: Client) -> None:
    response = person.get("/people")
    assert response.status_code == 403
    assert "for people with the role admin" in response.content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_our_own_error_gives_a_request_id_and_no_inside(person: Client) -> None:
    response = person.get("/fail")
    text = response.content.decode()
    assert response.status_code == 500
    assert response.headers["X-Request-ID"] in text
    assert "secret words" not in text
    assert "ZeroDivisionError" not in text


@override_settings(ROOT_URLCONF=__name__)
def test_a_malformed_request_is_told_so(person: Client) -> None:
    response = person.get("/refuse")
    assert response.status_code == 400
    assert "cannot be read" in response.content.decode()


def test_a_form_without_its_token_explains_itself() -> None:
    response = Client(enforce_csrf_checks=True).post("/login", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


def test_the_pages_of_last_resort_ask_the_database_nothing(
    rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0, connection=connection):
        assert errors.server_error(rf.get("/")).status_code == 500
        unavailable = errors.service_unavailable(rf.get("/"))
    assert unavailable.status_code == 503
    assert unavailable.headers["Retry-After"] == "5"
    assert "Nothing is lost" in unavailable.content.decode()


def test_plain_words_remain_when_even_the_page_fails(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> str:
        raise OSError("disk gone")

    monkeypatch.setattr(errors, "render_to_string", broken)
    assert "Nothing is lost" in errors.service_unavailable(rf.get("/")).content.decode()
