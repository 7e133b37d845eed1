import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from evalsite.platform import invitations
from tests.factories.platform_ import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def test_the_printed_link_lets_somebody_in() -> None:
    make_user(username="boss", roles=["admin"])
    out = io.StringIO()
    call_command("invite", "--role", "lead", "--site", "https://eval.example/", stdout=out)
    link = out.getvalue().strip()
    assert link.startswith("https://eval.example/invite/")
    person = invitations.accept(token=link.rsplit("/", 1)[1], username="new", password=PASSWORD, now=timezone.now())
    assert person.roles == {"lead"}


def test_without_an_admin_it_says_how_to_make_one() -> None:
    make_user(roles=["lead"])
    with pytest.raises(CommandError, match="create_user"):
        call_command("invite", "--role", "lead")
