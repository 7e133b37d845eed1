"""Who asks: a bearer token with the scope the operation needs, at most so often a minute. Cookies open nothing."""

from datetime import datetime
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from evalsite.platform import api_tokens, event_meters
from evalsite.platform.models import ApiToken
from experiments.api.problems import ApiProblem

Scope = ApiToken.Scope
CHALLENGE = {"WWW_Authenticate": "Bearer"}
UNKNOWN = "This token is unknown, revoked or expired."
# What production sends all the time: counted in events, and by the second instead of at each request.
METERED = (Scope.EVENTS, Scope.GATEWAY)


class Needs(HttpBearer):
    """`auth=Needs(Scope.READ)`: any token that has this scope."""

    openapi_bearerFormat = "evs_…"  # noqa: N815 ninja's name
    openapi_name = "token"

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiToken:
        kind, _, presented = request.headers.get("Authorization", "").strip().partition(" ")
        if kind.casefold() != "bearer" or not presented:
            raise ApiProblem(401, "unauthorized", "Send a token: Authorization: Bearer evs_…", **CHALLENGE)
        return self.authenticate(request, presented.strip())

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        now = timezone.now()
        found = metered(token, now=now) if self.scope in METERED else counted(token, now=now)
        if self.scope.value not in found.scopes:
            raise ApiProblem(403, "forbidden", f"This token lacks the scope {self.scope.value!r}.")
        return found


def counted(presented: str, *, now: datetime) -> ApiToken:
    use = api_tokens.use(presented=presented, now=now)
    if use is None:
        raise ApiProblem(401, "unauthorized", UNKNOWN, **CHALLENGE)
    if use.requests > settings.API_REQUESTS_PER_MINUTE:
        raise too_many(f"More than {settings.API_REQUESTS_PER_MINUTE:,} requests", now=now)
    return use.token


def metered(presented: str, *, now: datetime) -> ApiToken:
    token = api_tokens.known(presented=presented, now=now)
    if token is None:
        raise ApiProblem(401, "unauthorized", UNKNOWN, **CHALLENGE)
    spend_events(token, n=1, now=now)
    return token


def spend_events(token: ApiToken, *, n: int, now: datetime) -> None:
    """Count what a request holds beyond the one that its gate has counted. Outside of any transaction."""
    limit = settings.EVENTS_PER_MINUTE
    if n and not event_meters.spend(token=token, n=n, limit=limit, now=now):
        raise too_many(f"More than {limit:,} events or assignments", now=now)


def too_many(what: str, *, now: datetime) -> ApiProblem:
    wait = 60 - int(now.timestamp()) % 60
    return ApiProblem(429, "rate_limited", f"{what} in this minute: wait {wait} seconds.", Retry_After=str(wait))


def token_of(request: HttpRequest) -> ApiToken:
    """The token of a request that has passed its gate."""
    return cast(ApiToken, request.auth)  # type: ignore[attr-defined]
