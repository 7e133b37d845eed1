"""What happens around every request: its id, its content policy, private pages, patience with a restarting database."""

import logging
import secrets
import time
from collections.abc import Callable

from csp.constants import HEADER as CONTENT_SECURITY_POLICY
from csp.utils import build_policy
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django_htmx.http import HttpResponseClientRedirect

from evalsite.platform.http import HttpRequest as PageRequest
from evalsite.platform.http import wants_part
from evalsite.platform.logs import current_request_id
from evalsite.platform.views.errors import service_unavailable

View = Callable[[HttpRequest], HttpResponseBase]

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5

WITH_DJANGOS_OWN_PAGE = (404, 500)


def request_id(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = secrets.token_hex(8)
        token = current_request_id.set(name)
        try:
            response = get_response(request)
        finally:
            current_request_id.reset(token)
        response.headers["X-Request-ID"] = name
        return response

    return middleware


def content_policy(get_response: View) -> View:
    """The same policy on every page, so it is built once; the library's middleware builds two at every request."""
    policy = build_policy()

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        # Where somebody debugs, Django's error pages have styles of their own.
        if not (settings.DEBUG and response.status_code in WITH_DJANGOS_OWN_PAGE):
            response.headers.setdefault(CONTENT_SECURITY_POLICY, policy)
        return response

    return middleware


def private_pages(get_response: View) -> View:
    """Pages are for the one who asked: no cache keeps them, and a partial is never mistaken for a page."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware


def lead_on_the_whole_page(get_response: View) -> Callable[[PageRequest], HttpResponseBase]:
    """A redirect in answer to a part that renews itself, to the login for one: the browser is to go there. Otherwise
    htmx would fetch that page and put it where the part was."""

    def middleware(request: PageRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.method == "GET" and wants_part(request) and "Location" in response.headers:
            return HttpResponseClientRedirect(response.headers["Location"])
        return response

    return middleware


def outlive_database_restarts(get_response: View) -> View:
    """Ask again when the database connection broke, until it is back or patience ends.

    Every write a browser may repeat is idempotent by a client-made id, so running a request again is safe,
    also when the connection broke after COMMIT and before the answer.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            response = get_response(request)
            if not getattr(request, "database_lost", False):
                return response
            connection.close()
            if time.monotonic() + pause > deadline:
                return service_unavailable(request)
            logger.warning("database connection lost; asking again in %.2f s", pause)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            forget_first_attempt(request)

    return middleware


def forget_first_attempt(request: HttpRequest) -> None:
    for name in ("database_lost", "_cached_user"):
        request.__dict__.pop(name, None)
    # Files were read when the connection broke; what is left of them would be stored as the whole.
    received = request.__dict__.get("_files")
    for _, files in received.lists() if received else ():
        for file in files:
            file.seek(0)
