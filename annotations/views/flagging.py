"""Report that something is wrong with a pair; it stays to be judged."""

from uuid import UUID, uuid4

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from annotations.forms import FlagForm
from annotations.models import Seat
from annotations.services import flags
from annotations.views.access import get_own_assignment, get_own_seat, reviewers_only
from evalsite.platform.http import HttpRequest, render, wants_part


@require_http_methods(["GET", "POST"])
@reviewers_only
def flag_pair(request: HttpRequest, campaign: UUID) -> HttpResponse:
    seat = get_own_seat(request, campaign)
    if request.method == "GET":
        return ask(request, seat, FlagForm(initial={**request.GET.dict(), "flag": uuid4()}))
    form = FlagForm(request.POST)
    if not form.is_valid():
        return ask(request, seat, form, status=422)
    said = form.cleaned_data
    assignment = get_own_assignment(seat, said["pair"])
    try:
        with transaction.atomic():
            flags.raise_flag(
                assignment=assignment,
                flag_id=said["flag"],
                reason=said["reason"],
                comment=said["comment"],
                now=timezone.now(),
            )
    except flags.Conflict as conflict:
        form.add_error(None, str(conflict))
        return ask(request, seat, form, status=409)
    return HttpResponse(status=204) if wants_part(request) else redirect("pair", assignment.uuid)


def ask(request: HttpRequest, seat: Seat, form: FlagForm, status: int = 200) -> HttpResponse:
    return render(request, "annotations/flag_pair.html", {"campaign": seat.campaign, "form": form}, status=status)
