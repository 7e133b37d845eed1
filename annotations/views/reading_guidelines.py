"""The guidelines reviewers judge by. Opening the page counts as having seen this version."""

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from annotations.services import guidelines
from annotations.views.access import get_own_seat, reviewers_only
from evalsite.platform.http import HttpRequest, render


@require_GET
@reviewers_only
def read_guidelines(request: HttpRequest, campaign: UUID) -> HttpResponse:
    seat = get_own_seat(request, campaign)
    current = seat.campaign.current_guidelines
    if current:
        guidelines.mark_seen(seat=seat, number=current.number)
    context = {"campaign": seat.campaign, "guidelines": current, "asked": seat.asked}
    return render(request, "annotations/guidelines.html", context, partial="text")
