"""Typed access to environment variables that fails loudly."""

import os
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def flag(name: str, *, default: bool) -> bool:
    word = text(name, str(default)).lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ImproperlyConfigured(f"{name}={word!r} is neither yes nor no")
    return word in TRUE_WORDS


def number(name: str, default: int) -> int:
    word = text(name, str(default))
    try:
        return int(word)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={word!r} is not a whole number") from None


def words(name: str, default: Sequence[str] = ()) -> list[str]:
    return [word.strip() for word in text(name, ",".join(default)).split(",") if word.strip()]


def database(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL; no other database is supported."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://, since Evalsite runs on PostgreSQL only")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from None
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    settings = {ours: str(parts.pop(theirs, "") or "") for ours, theirs in names.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **settings,
        "CONN_MAX_AGE": None,
        "OPTIONS": {key: value for key, value in parts.items() if value is not None},
    }
