"""A judging page that is looked at keeps its pair."""

from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from annotations.services import assignments
from annotations.views.access import lock_own_pair, reviewers_only
from evalsite.platform.http import HttpRequest


@require_POST
@reviewers_only
def heartbeat(request: HttpRequest, campaign: UUID) -> HttpResponse:
    with transaction.atomic():
        seat, assignment = lock_own_pair(request, campaign, posted_uuid(request, "pair"))
        held = assignments.renew(seat=seat, assignment=assignment, now=timezone.now())
    return JsonResponse({"held": held})


def posted_uuid(request: HttpRequest, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise Http404 from None
