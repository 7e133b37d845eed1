"""Secrets handed out once and kept only as their hash."""

import base64
import hashlib
from uuid import UUID

from django.utils.crypto import salted_hmac


def token_of(*, purpose: str, request: UUID, whom: int | None) -> str:
    """As good as random to whoever lacks the secret key, and the same when one form is sent twice.

    Bound to a person, so that nobody gets the secret of another one by sending a form they saw.
    """
    digest = salted_hmac(f"evalsite.{purpose}", f"{request}:{whom}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
