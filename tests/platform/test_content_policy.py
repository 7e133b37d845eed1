import pytest
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/login", "/", "/no-such-page", "/healthz", "/api/v1/openapi.json"])
def test_every_answer_allows_nothing_but_our_own_origin(client: Client, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert set(" ".join(directives.values()).split()) == {"'none'", "'self'"}


def test_djangos_own_page_of_an_error_keeps_its_styles(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    assert "Content-Security-Policy" not in client.get("/no-such-page").headers
