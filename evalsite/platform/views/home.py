"""The first page after logging in, and the colours."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest as DjangoRequest
from django.http import HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from evalsite.platform.http import HttpRequest, render

THEMES = {"system", "light", "dark"}
YEAR_SECONDS = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if request.user.has_role("lead", "admin"):
        return redirect("/experiments/")
    if request.user.has_role("reviewer"):
        return redirect("/review/")
    return render(request, "platform/no_role.html")


@require_POST
@login_not_required
def theme(request: DjangoRequest) -> HttpResponse:
    """Kept in a cookie, so that the first byte of every page knows it."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = redirect(target)
    if (choice := request.POST.get("theme")) in THEMES:
        response.set_cookie("theme", choice, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure())
    return response


@require_safe
@login_not_required
def favicon(request: DjangoRequest) -> HttpResponse:
    return redirect(static("favicon.ico"))
