import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from evalsite.platform.models import User
from evalsite.platform.roles import RoleBackend
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


def test_a_person_is_loaded_with_their_roles_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    person = make_user(roles=["admin", "lead"])
    with django_assert_num_queries(1):
        loaded = RoleBackend().get_user(person.pk)
        assert loaded is not None
        assert loaded.roles == {"admin", "lead"}


def test_an_inactive_person_is_logged_out(client: Client) -> None:
    person = make_user(roles=["lead"])
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert RoleBackend().get_user(person.pk) is None


def test_whoever_can_see_arms_is_not_blind() -> None:
    blind = make_user(roles=["reviewer"])
    make_user(roles=["reviewer", "lead"])
    make_user(roles=["admin"])
    assert list(User.objects.blind()) == [blind]
