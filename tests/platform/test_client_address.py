import pytest
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from evalsite.platform.client_address import client_address
from tests.factories.platform_ import PASSWORD, make_user

PROXY = "127.0.0.1"


@pytest.fixture
def behind_a_proxy(settings: Settings) -> None:
    settings.TRUST_PROXY = True
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5, 10.1.2.3", "203.0.113.5"),
        ("2001:DB8::5", "2001:db8::5"),
        ("10.1.2.3", PROXY),
        ("203.0.113.5, nonsense", PROXY),
        ("", PROXY),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_counts(rf: RequestFactory, forwarded: str, address: str) -> None:
    assert client_address(rf.get("/", headers={"X-Forwarded-For": forwarded})) == address


def test_nobody_is_believed_where_no_proxy_is_trusted(rf: RequestFactory) -> None:
    assert client_address(rf.get("/", headers={"X-Forwarded-For": "203.0.113.5"})) == PROXY


@pytest.mark.django_db
@pytest.mark.usefixtures("behind_a_proxy")
def test_wrong_passwords_from_elsewhere_lock_nobody_out_behind_the_same_proxy(client: Client) -> None:
    make_user(username="ana")
    tries = [
        client.post("/login", {"username": "ana", "password": "wrong"}, headers=at("203.0.113.5")) for _ in "12345"
    ]
    assert tries[-1].status_code == 429
    # A client that invents addresses before its own stays locked.
    invented = at("198.51.100.9, 203.0.113.5")
    assert client.post("/login", {"username": "ana", "password": PASSWORD}, headers=invented).status_code == 429
    right = client.post("/login", {"username": "ana", "password": PASSWORD}, headers=at("203.0.113.6"))
    assert right.status_code == 302


def at(forwarded: str) -> dict[str, str]:
    return {"X-Forwarded-For": forwarded}
