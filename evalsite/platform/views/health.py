"""/healthz: this process answers. /readyz: it can do its work."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from evalsite.platform import health


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    now = timezone.now()
    checks = health.readiness(now=now)
    status = 200 if set(checks.values()) == {"ok"} else 503
    return JsonResponse({**checks, "last_sweep_seconds_ago": health.sweep_age(now=now)}, status=status)
