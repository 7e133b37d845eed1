import pytest
from django.contrib.auth import authenticate
from django.test import RequestFactory

from evalsite.platform.management.commands import demo
from evalsite.platform.models import User

pytestmark = pytest.mark.django_db


def test_each_role_gets_an_account_whose_printed_password_works() -> None:
    passwords = demo.make_missing_accounts()
    assert list(passwords) == ["reviewer", "admin", "lead"]
    for name, password in passwords.items():
        user = authenticate(RequestFactory().post("/login"), username=name, password=password)
        assert isinstance(user, User)
        assert user.roles == {name}
        assert password in demo.password_table(passwords)


def test_a_later_start_makes_no_account_and_keeps_the_passwords() -> None:
    demo.make_missing_accounts()
    before = dict(User.objects.values_list("username", "password"))
    assert demo.make_missing_accounts() == {}
    assert dict(User.objects.values_list("username", "password")) == before


def test_passwords_differ_from_site_to_site() -> None:
    assert len(set(demo.make_missing_accounts().values())) == 3
