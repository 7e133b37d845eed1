"""Secrets handed out once and kept only as their hash."""

import hashlib
import secrets


def new_token() -> tuple[str, str]:
    """A random token and the hash to keep."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
