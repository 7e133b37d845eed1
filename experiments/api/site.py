"""The API put together: its operations, its description, and its way into the site's URLs."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from ninja import NinjaAPI

from experiments.api import (
    assignment,
    comparisons,
    decisions,
    eval_sets,
    events,
    gateway,
    live_results,
    live_tests,
    pipelines,
    problems,
    runs,
    schemas,
)

DESCRIPTION = (
    "For programs. Send a token as `Authorization: Bearer …`. What goes wrong is JSON with a `code` that does not "
    "change and a `message` for people. Writes that make or change something take an `Idempotency-Key`, a UUID of your "
    "making: the same call again gets the same answer and has its effect once; with another body the key gets 409."
)
COMMON = {
    "400": "The request cannot be read.",
    "401": "No token, or one that opens nothing.",
    "403": "The token lacks the scope.",
    "404": "There is no such thing.",
    "409": "Refused as things stand, or the key was used for something else.",
    "413": "The file is too large.",
    "415": "Not a type of file that can be read.",
    "422": "The request does not fit.",
    "429": "Too many requests in this minute; see Retry-After.",
}
View = Callable[..., HttpResponse]

api = NinjaAPI(
    title="Evalsite API",
    version="1",
    description=DESCRIPTION,
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
problems.register(api)
for router in (
    decisions.router,
    eval_sets.router,
    runs.router,
    comparisons.router,
    live_tests.router,
    pipelines.router,
    live_results.router,
    assignment.router,
    gateway.router,
    events.router,
):
    api.add_router("", router)


@cache
def description() -> dict[str, Any]:
    """The OpenAPI description, with the answers that every operation may give: the same for everybody, only read."""
    described: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    found = described["components"]["schemas"]
    found["Problem"] = schemas.Invalid.model_json_schema(ref_template="#/components/schemas/{model}")
    found |= found["Problem"].pop("$defs", {})
    found["Event"] = events.Event.model_json_schema(ref_template="#/components/schemas/{model}")
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, words in COMMON.items():
                operation["responses"].setdefault(status, {"description": words, "content": body})
    return described


def without_login(view: View) -> View:
    """Tokens are asked for by the operations themselves; sessions open nothing here."""

    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code == 405:
            allowed = ", ".join(sorted(response.headers["Allow"].split(", ")))
            words = f"{request.method} is not offered here, only {allowed}."
            return problems.answer(405, "method_not_allowed", words, headers={"Allow": allowed})
        return response

    asked.login_required = False  # type: ignore[attr-defined]
    asked.csrf_exempt = True  # type: ignore[attr-defined]
    return asked


def operations() -> list[URLPattern]:
    """Ninja's patterns, without its own pages."""
    found = [one for one in api.urls[0] if isinstance(one, URLPattern)]
    patterns = [one for one in found if one.name not in ("api-root", "openapi-json")]
    for one in patterns:
        one.callback = without_login(one.callback)
    return patterns
