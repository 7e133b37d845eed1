"""Leave a pair to others, with a reason."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from annotations.forms import SkipForm
from annotations.models import Seat
from annotations.services import assignments
from annotations.views.access import get_own_seat, lock_own_pair, reviewers_only
from annotations.views.turns import claim_after_commit, show
from evalsite.platform.http import HttpRequest, render, wants_part


@require_http_methods(["GET", "POST"])
@reviewers_only
def skip_pair(request: HttpRequest, campaign: UUID) -> HttpResponse:
    if request.method == "GET":
        return ask(request, campaign, SkipForm(initial=request.GET.dict()))
    form = SkipForm(request.POST)
    if not form.is_valid():
        return ask(request, campaign, form, status=422)
    try:
        seat = skip(request, campaign, form)
    except assignments.AlreadyJudged as refusal:
        messages.error(request, str(refusal))
        return redirect("pair", form.cleaned_data["pair"])
    if not wants_part(request):
        return redirect("judge", campaign)
    seat, following = claim_after_commit(request=request, seat=seat, now=timezone.now())
    return show(request, seat=seat, assignment=following)


def ask(request: HttpRequest, campaign: UUID, form: SkipForm, status: int = 200) -> HttpResponse:
    seat = get_own_seat(request, campaign)
    return render(request, "annotations/skip_pair.html", {"campaign": seat.campaign, "form": form}, status=status)


@transaction.atomic
def skip(request: HttpRequest, campaign: UUID, form: SkipForm) -> Seat:
    said = form.cleaned_data
    seat, assignment = lock_own_pair(request, campaign, said["pair"])
    assignments.skip(
        seat=seat, assignment=assignment, reason=said["reason"], comment=said["comment"], now=timezone.now()
    )
    return seat
