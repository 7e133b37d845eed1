"""Pages for requests that could not be served; each says what to do next."""

import logging
import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from evalsite.platform.logs import current_request_id
from evalsite.platform.lost_connection import is_lost_connection

logger = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", {"reason": str(exception)}, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_for_programs(request):
        return JsonResponse({"code": "not_found", "message": "There is nothing at this address."}, status=404)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_lost_connection(sys.exc_info()[1]):
        request.database_lost = True  # type: ignore[attr-defined]
    text = f"Something went wrong on our side. Nothing you sent was half done. Request {current_request_id.get()}."
    if is_for_programs(request):
        return JsonResponse({"code": "internal", "message": text}, status=500)
    return HttpResponse(page_without_request("500.html") or text, status=500)


def service_unavailable(request: HttpRequest) -> HttpResponse:
    text = "The database does not answer just now. Nothing is lost: try again in a moment."
    if is_for_programs(request):
        problem = {"code": "unavailable", "message": text}
        return JsonResponse(problem, status=503, headers={"Retry-After": "5"})
    return HttpResponse(page_without_request("503.html") or text, status=503, headers={"Retry-After": "5"})


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def page_without_request(template: str) -> str:
    """The last resort may not ask for the user, who is in the database; plain text does if even this fails."""
    try:
        return render_to_string(template, {"request_id": current_request_id.get()})
    except Exception:
        logger.exception("the page %s cannot be rendered", template)
        return ""
