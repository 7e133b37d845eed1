"""What a production start refuses, and where a local start gets its key."""

import os
import secrets
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from experiments.endpoints.addresses import AllowList, BadAllowList

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1"}
SHORTEST_KEY = 50
KNOWN_KEYS = {"changeme", "change-me", "secret", "secret-key", "your-secret-key", "please-change-me"}
KNOWN_PREFIXES = ("django-insecure-", "evalsite-example-")


def refuse_unsafe(*, secret_key: str, debug: bool, hosts: list[str], production: bool) -> None:
    """Raise ImproperlyConfigured with the way out, rather than serve unsafely."""
    if debug and (production or not set(hosts) <= LOOPBACK | {"testserver"}):
        raise ImproperlyConfigured(
            "DEBUG=1 shows secrets to visitors: unset it, or leave ALLOWED_HOSTS on loopback names"
        )
    if any("*" in host or host.startswith(".") for host in hosts):
        raise ImproperlyConfigured("ALLOWED_HOSTS must name each host in full; wildcards let any Host header through")
    if production:
        refuse_weak_key(secret_key)
        if not hosts:
            raise ImproperlyConfigured(
                "ALLOWED_HOSTS is empty: name the host people will type, e.g. evalsite.example.org"
            )


def refuse_weak_key(secret_key: str) -> None:
    way_out = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(64))"'
    if not secret_key:
        raise ImproperlyConfigured(f"SECRET_KEY is missing. {way_out}")
    if len(secret_key) < SHORTEST_KEY or len(set(secret_key)) < 5:
        raise ImproperlyConfigured(f"SECRET_KEY is shorter than {SHORTEST_KEY} characters or not random. {way_out}")
    if secret_key.lower().startswith(KNOWN_PREFIXES) or any(word in secret_key.lower() for word in KNOWN_KEYS):
        raise ImproperlyConfigured(f"SECRET_KEY is a known example key. {way_out}")


def local_secret_key(data_dir: Path) -> str:
    """A random key of this folder's own, made at the first local start."""
    return kept(data_dir / "secret_key", secrets.token_urlsafe(64))


def field_keys(words: list[str], *, data_dir: Path, production: bool) -> list[str]:
    """What encrypts API keys at rest: the first encrypts, all decrypt. A local start makes its own."""
    words = words if words or production else [kept(data_dir / "field_key", Fernet.generate_key().decode())]
    for place, word in enumerate(words, 1):
        try:
            Fernet(word)
        except ValueError:
            raise ImproperlyConfigured(
                f"FIELD_KEYS: key {place} of {len(words)} is not a Fernet key. Make one with: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from None
    return words


def allowed_hosts(words: list[str]) -> list[str]:
    """The operator's exceptions for outbound calls, read once here so that a mistake is told at the start."""
    try:
        AllowList.parse(words)
    except BadAllowList as error:
        raise ImproperlyConfigured(f"ENDPOINT_ALLOWED_HOSTS: {error}") from None
    return words


def client_origins(words: list[str], *, production: bool) -> list[str]:
    """Whose pages may send events and ask for arms: each named in full, and reached by nobody in between."""
    for word in words:
        found = urlsplit(word)
        if word != f"{found.scheme}://{found.netloc}" or not found.hostname or "*" in word or "@" in word:
            raise ImproperlyConfigured(
                f"CLIENT_ORIGINS: {word!r} is no origin. Write scheme and host, as a browser does: https://shop.example"
            )
        if word != word.lower():
            raise ImproperlyConfigured(f"CLIENT_ORIGINS: browsers write {word!r} in lower case")
        if found.scheme != "https" and (production or found.hostname not in LOOPBACK):
            raise ImproperlyConfigured(f"CLIENT_ORIGINS: {word!r} must begin with https://")
    return words


def kept(path: Path, new: str) -> str:
    """What the file holds, or the new value, kept in it whole and readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, own = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(new)
        os.link(own, path)
    except FileExistsError:
        return path.read_text()
    finally:
        Path(own).unlink()
    return new
