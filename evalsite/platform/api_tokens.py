"""Tokens of programs: made, counted at each use, revoked. Each act is audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction

from evalsite.platform import audit, prepared
from evalsite.platform.instances import Columns
from evalsite.platform.models import ApiToken, User
from evalsite.platform.tokens import hash_token, token_of

PREFIX = "evs_"
HINT_LENGTH = len(PREFIX) + 6
OTHER_CONTENT = "This form was sent before with other content. The first token stands; reload the page to make another."
REVOKED_SINCE = "This form was sent before, and its token has been revoked since. Reload the page to make another."

TOKEN = Columns(ApiToken, "token")
# By hand, since client applications ask at every request of theirs. A token never opens more than its maker may: who
# is switched off or no longer lead or admin takes it along.
FIND = f"""
SELECT {TOKEN.sql} FROM platform_apitoken AS token JOIN platform_user AS person ON person.id = token.created_by_id
WHERE token_hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
AND person.is_active AND EXISTS (
    SELECT FROM platform_user_groups AS held JOIN auth_group ON auth_group.id = held.group_id
    WHERE held.user_id = person.id AND auth_group.name IN ('lead', 'admin')
)
"""  # noqa: S608 column names of our own model
# One statement, so that many requests at once neither lose a count nor wait for more than a row.
COUNT_USE = """
UPDATE platform_apitoken
SET requests = CASE WHEN minute = %(minute)s THEN requests + 1 ELSE 1 END, minute = %(minute)s, last_used_at = %(now)s
WHERE id = %(id)s RETURNING requests
"""


@dataclass(frozen=True)
class Use:
    """A token at one request of it, and the how manieth request this is in its minute."""

    token: ApiToken
    requests: int


class SentBefore(Exception):
    """The form of this token came before; says what to do."""


@transaction.atomic
def make(
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    created_by: User,
    now: datetime,
    request: UUID | None = None,
) -> tuple[ApiToken, str]:
    """The row and the token itself, which nobody can read again later. One form sent twice makes one token."""
    secret = PREFIX + token_of(purpose="api token", request=request or uuid4(), whom=created_by.pk)
    token, is_new = ApiToken.objects.get_or_create(
        token_hash=hash_token(secret),
        defaults={
            "name": name,
            "hint": secret[:HINT_LENGTH],
            "scopes": sorted(scopes),
            "created_by": created_by,
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    if not is_new:
        refuse_other(token, name=name, scopes=scopes, lifetime=expires_at - now if expires_at else None)
        return token, secret
    details = {"name": name, "scopes": token.scopes, "expires_at": expires_at.isoformat() if expires_at else None}
    audit.record(actor=created_by, action="token.made", subject=f"token {token.hint}…", details=details, now=now)
    return token, secret


def refuse_other(token: ApiToken, *, name: str, scopes: Sequence[str], lifetime: timedelta | None) -> None:
    made_for = token.expires_at - token.created_at if token.expires_at else None
    if (token.name, token.scopes, made_for) != (name, sorted(scopes), lifetime):
        raise SentBefore(OTHER_CONTENT)
    if token.revoked_at:
        raise SentBefore(REVOKED_SINCE)


@transaction.atomic
def revoke(*, token: ApiToken, revoked_by: User, now: datetime) -> None:
    """From the next request on it opens nothing. Twice is once."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
        subject, details = f"token {token.hint}…", {"name": token.name}
        audit.record(actor=revoked_by, action="token.revoked", subject=subject, details=details, now=now)


def known(*, presented: str, now: datetime) -> ApiToken | None:
    """The token presented; None where it opens nothing."""
    found = prepared.fetch(FIND, {"hash": hash_token(presented), "now": now})
    return TOKEN.read(found[0]) if found else None


def use(*, presented: str, now: datetime) -> Use | None:
    """The token presented, its request counted; None where it opens nothing."""
    token = known(presented=presented, now=now)
    if token is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(COUNT_USE, {"id": token.pk, "minute": int(now.timestamp()) // 60, "now": now})
        [requests] = cursor.fetchone()
    return Use(token, requests)
