import io

import pytest
from django.core.management import CommandError, call_command

from evalsite.platform.models import AuditEntry, User
from tests.factories.platform_ import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def create(*args: str) -> str:
    out = io.StringIO()
    call_command("create_user", *args, stdout=out)
    return out.getvalue()


def test_the_printed_password_is_the_one_that_logs_in() -> None:
    password = create("ana", "--role", "reviewer").split()[-1]
    user = User.objects.get(username="ana")
    assert user.check_password(password)
    assert user.roles == {"reviewer"}
    assert AuditEntry.objects.filter(action="person.created", subject="ana").exists()


def test_a_password_from_standard_input_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    printed = create("ana", "--role", "lead", "--role", "admin", "--password-stdin")
    assert PASSWORD not in printed
    user = User.objects.get(username="ana")
    assert user.check_password(PASSWORD)
    assert user.roles == {"lead", "admin"}


@pytest.mark.parametrize("password", ["short", "1234567890123", ""])
def test_a_weak_password_makes_no_account(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    with pytest.raises(CommandError):
        create("ana", "--role", "lead", "--password-stdin")
    assert not User.objects.exists()


def test_a_name_is_given_once_whatever_its_capitals() -> None:
    make_user(username="ana")
    with pytest.raises(CommandError, match="already"):
        create("Ana", "--role", "lead")


def test_a_name_with_a_space_is_refused() -> None:
    with pytest.raises(CommandError):
        create("ana b", "--role", "lead")
