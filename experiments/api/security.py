"""Who asks: a bearer token with the scope the operation needs, at most so often a minute. Cookies open nothing."""

from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from evalsite.platform import api_tokens
from evalsite.platform.models import ApiToken
from experiments.api.problems import ApiProblem

Scope = ApiToken.Scope
CHALLENGE = {"WWW_Authenticate": "Bearer"}


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
        use = api_tokens.use(presented=token, now=now)
        if use is None:
            raise ApiProblem(401, "unauthorized", "This token is unknown, revoked or expired.", **CHALLENGE)
        if use.requests > settings.API_REQUESTS_PER_MINUTE:
            wait = 60 - int(now.timestamp()) % 60
            message = f"More than {settings.API_REQUESTS_PER_MINUTE:,} requests in this minute: wait {wait} seconds."
            raise ApiProblem(429, "rate_limited", message, Retry_After=str(wait))
        if self.scope.value not in use.token.scopes:
            raise ApiProblem(403, "forbidden", f"This token lacks the scope {self.scope.value!r}.")
        return use.token


def token_of(request: HttpRequest) -> ApiToken:
    """The token of a request that has passed its gate."""
    return cast(ApiToken, request.auth)  # type: ignore[attr-defined]
