"""Typed request, page-or-partial rendering, role gates."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest as DjangoRequest
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render as render_template
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from evalsite.platform.models import User

P = ParamSpec("P")


class HttpRequest(DjangoRequest):
    """A request after the middleware: somebody is logged in, htmx is known."""

    user: User
    htmx: HtmxDetails


View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def render(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only its named partial when htmx asks for a part."""
    if partial and wants_part(request):
        template = f"{template}#{partial}"
    response = render_template(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def wants_part(request: HttpRequest) -> bool:
    """The Back button and boosted links want the page, whatever htmx sent before."""
    return bool(request.htmx) and not request.htmx.history_restore_request and not request.htmx.boosted


def role_required(*roles: str) -> Callable[[View[P]], View[P]]:
    """Refuse with 403 whoever holds none of the roles; who may see which row is the queryset's business."""

    def gate(view: View[P]) -> View[P]:
        @wraps(view)
        def gated(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.has_role(*roles):
                raise PermissionDenied(f"This page is for people with the role {' or '.join(roles)}.")
            return view(request, *args, **kwargs)

        return gated

    return gate
