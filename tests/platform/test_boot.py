from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from evalsite import boot

GOOD_KEY = "k7Yp-0Zq2VtXb9nLr4Ws8Hd3Jm6Fc1Ga5Ee7Uu0Ii2Oo4Pp6Qq8Rr"


def refuse(*, secret_key: str = GOOD_KEY, debug: bool = False, hosts: tuple[str, ...] = ("eval.example.org",)) -> None:
    boot.refuse_unsafe(secret_key=secret_key, debug=debug, hosts=list(hosts), production=True)


def test_a_good_production_start_is_let_through() -> None:
    refuse()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "missing"),
        ("short", "shorter"),
        ("a" * 60, "not random"),
        ("django-insecure-" + GOOD_KEY, "known example"),
        ("changeme" * 8, "known example"),
    ],
)
def test_production_refuses_a_weak_key_and_says_how_to_make_one(key: str, reason: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=reason) as refusal:
        refuse(secret_key=key)
    assert "secrets.token_urlsafe" in str(refusal.value)


def test_production_refuses_debug() -> None:
    with pytest.raises(ImproperlyConfigured, match="DEBUG"):
        refuse(debug=True)


def test_debug_with_a_public_host_is_refused_outside_production_too() -> None:
    with pytest.raises(ImproperlyConfigured, match="DEBUG"):
        boot.refuse_unsafe(secret_key="", debug=True, hosts=["eval.example.org"], production=False)


@pytest.mark.parametrize("host", ["*", "*.example.org", ".example.org"])
def test_wildcard_hosts_are_refused(host: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="wildcards"):
        refuse(hosts=(host,))


def test_production_refuses_to_guess_its_host() -> None:
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS is empty"):
        refuse(hosts=())


def test_a_local_start_makes_one_private_key_and_keeps_it(tmp_path: Path) -> None:
    key = boot.local_secret_key(tmp_path)
    assert len(key) > boot.SHORTEST_KEY
    assert boot.local_secret_key(tmp_path) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("origin", ["https://shop.example.org", "https://shop.example.org:8443"])
def test_an_origin_named_in_full_is_let_through(origin: str) -> None:
    assert boot.client_origins([origin], production=True) == [origin]


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example.org", "https://shop.example.org/", "shop.example.org", "null", "https://a@b.example.org",
     "http://shop.example.org", "https://Shop.example.org", "https://"],
)  # fmt: skip
def test_what_is_no_exact_and_safe_origin_is_refused(origin: str) -> None:
    for production in (True, False):
        with pytest.raises(ImproperlyConfigured, match="CLIENT_ORIGINS"):
            boot.client_origins([origin], production=production)


def test_a_page_on_the_same_machine_may_be_without_tls_outside_production() -> None:
    assert boot.client_origins(["http://localhost:3000"], production=False)
    with pytest.raises(ImproperlyConfigured, match="https://"):
        boot.client_origins(["http://localhost:3000"], production=True)
