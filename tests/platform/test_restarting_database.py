from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from evalsite.platform.models import User
from evalsite.platform.views import errors
from evalsite.urls import urlpatterns as site_urls
from tests.factories.platform_ import make_user
from tests.platform.losing import lose_the_database

pytestmark = pytest.mark.django_db(transaction=True)


class Attempts:
    """A view that loses the database the first time, after it has read part of what was sent."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.written: list[str] = []

    def __call__(self, request: HttpRequest) -> HttpResponse:
        file: Any = request.FILES["file"]
        if not self.read:
            self.read.append(file.read(4))
            connection.close()
            raise OperationalError("server closed the connection unexpectedly")
        self.read.append(file.read())
        self.written.append(request.POST["token"])
        return HttpResponse(str(User.objects.count()))


class Ended:
    """A view whose connection the server ends inside a transaction, while it goes on serving others."""

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.tries += 1
        with transaction.atomic():
            count = User.objects.count()
            if self.tries == 1:
                lose_the_database()
            return HttpResponse(str(count + User.objects.count()))


attempts, ended = Attempts(), Ended()
urlpatterns = [
    *site_urls,
    path("attempts", lambda request: attempts(request)),
    path("ended", lambda request: ended(request)),
]
handler500 = errors.server_error


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(make_user())
    client.raise_request_exception = False
    return client


@override_settings(ROOT_URLCONF=__name__)
def test_a_request_that_lost_the_database_is_asked_again_with_its_whole_file(person: Client) -> None:
    token = str(uuid4())
    response = person.post("/attempts", {"token": token, "file": SimpleUploadedFile("a.txt", b"0123456789")})
    assert (response.status_code, response.content) == (200, b"1")
    assert attempts.read == [b"0123", b"0123456789"]
    assert attempts.written == [token]


@override_settings(ROOT_URLCONF=__name__)
def test_a_connection_that_ended_in_a_transaction_is_lost_although_the_server_answers_again(person: Client) -> None:
    assert person.get("/ended").status_code == 200
    assert ended.tries == 2
