"""API keys of endpoints: encrypted at rest, bound to one origin, read only to make a call."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.endpoints import targets
from experiments.models import DecisionHook, Endpoint

BETWEEN = "\n"
LONGEST = 4000
WITHOUT_FIELD_KEYS = (
    "No key can be stored here yet, since there is nothing to encrypt it with. "
    "The operator sets FIELD_KEYS in the environment, as .env.example explains, and starts the site again."
)


class NoFieldKeys(Exception):
    """Nothing to encrypt with."""


class KeyNotReadable(Exception):
    """What is stored cannot be used, and a new key has to be entered."""


class OtherOrigin(Exception):
    """It was sealed for another origin."""


class BadKey(ValueError):
    """Not a key that can be sent in a header."""


@dataclass(frozen=True)
class Rotation:
    rotated: int
    unreadable: list[str]


def origin_of(base_url: str) -> str:
    """Scheme, host and port. Raises CallError where the address cannot be called."""
    return targets.parse(base_url).origin


def cipher() -> MultiFernet:
    if not settings.FIELD_KEYS:
        raise NoFieldKeys(WITHOUT_FIELD_KEYS)
    return MultiFernet([Fernet(word) for word in settings.FIELD_KEYS])


def sealed(key: str, *, origin: str) -> str:
    """The origin is inside too, so that a ciphertext moved to another row opens nothing."""
    return cipher().encrypt(f"{origin}{BETWEEN}{key}".encode()).decode()


def check(key: str) -> None:
    if not key or len(key) > LONGEST:
        raise BadKey("A key has between 1 and 4,000 characters.")
    if not all("!" <= letter <= "~" for letter in key):
        raise BadKey("A key has only letters, digits and signs of ASCII, and no space. Was it copied whole, and alone?")


@transaction.atomic
def set_key(*, endpoint: Endpoint, key: str, actor: User | None, now: datetime) -> None:
    """Replaces the key there was. Raises BadKey and NoFieldKeys."""
    check(key)
    found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    origin = origin_of(found.base_url)
    found.key_ciphertext, found.key_origin, found.key_set_at = sealed(key, origin=origin), origin, now
    found.save(update_fields=["key_ciphertext", "key_origin", "key_set_at"])
    audit.record(actor=actor, action="endpoint.key_set", subject=found.name, details={"origin": origin}, now=now)


@transaction.atomic
def remove_key(*, endpoint: Endpoint, actor: User | None, now: datetime) -> None:
    found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if not found.key_ciphertext:
        return
    details = {"origin": found.key_origin}
    erase(found)
    found.save(update_fields=["key_ciphertext", "key_origin", "key_set_at"])
    audit.record(actor=actor, action="endpoint.key_removed", subject=found.name, details=details, now=now)


def erase(endpoint: Endpoint) -> None:
    endpoint.key_ciphertext, endpoint.key_origin, endpoint.key_set_at = "", "", None


def key_for(endpoint: Endpoint) -> str:
    """The key to send to this endpoint as it stands; empty where it has none. Raises KeyNotReadable, NoFieldKeys."""
    if not endpoint.key_ciphertext:
        return ""
    try:
        if endpoint.key_origin == (origin := origin_of(endpoint.base_url)):
            return opened(endpoint.key_ciphertext, origin=origin)
    except InvalidToken:
        raise KeyNotReadable(
            f"The key of {endpoint.name} was encrypted with a FIELD_KEYS that is gone. Enter the key again."
        ) from None
    except OtherOrigin:
        pass
    raise KeyNotReadable(f"The key of {endpoint.name} was meant for another address. Enter the key for this one.")


def opened(ciphertext: str, *, origin: str) -> str:
    """What was sealed for this origin. Raises InvalidToken, NoFieldKeys, OtherOrigin."""
    bound, _, key = cipher().decrypt(ciphertext.encode()).decode().partition(BETWEEN)
    if bound != origin:
        raise OtherOrigin
    return key


@transaction.atomic
def rotate(*, actor: User | None, now: datetime) -> Rotation:
    """Encrypt every key and secret anew with the first of FIELD_KEYS, so that the others can be dropped."""
    keyring, unreadable, rotated = cipher(), [], 0
    endpoints = Endpoint.objects.select_for_update().exclude(key_ciphertext="").order_by("pk")
    hooks = DecisionHook.objects.select_for_update(of=("self",)).exclude(secret_ciphertext="").order_by("pk")
    for endpoint in endpoints:
        try:
            endpoint.key_ciphertext = keyring.rotate(endpoint.key_ciphertext.encode()).decode()
        except InvalidToken:
            unreadable.append(endpoint.name)
            continue
        endpoint.save(update_fields=["key_ciphertext"])
        rotated += 1
    for hook in hooks:
        try:
            hook.secret_ciphertext = keyring.rotate(hook.secret_ciphertext.encode()).decode()
        except InvalidToken:
            unreadable.append(hook.name)
            continue
        hook.save(update_fields=["secret_ciphertext"])
        rotated += 1
    details = {"rotated": rotated, "unreadable": unreadable}
    audit.record(actor=actor, action="endpoint.keys_rotated", subject="all endpoints", details=details, now=now)
    return Rotation(rotated=rotated, unreadable=unreadable)
