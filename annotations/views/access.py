"""Who gets in: reviewers who see no arm anywhere, to their own seats and their own pairs."""

from functools import wraps
from typing import ParamSpec
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase

from annotations.models import Assignment, Seat
from annotations.reports import seated
from annotations.services import assignments, seats
from evalsite.platform.http import HttpRequest, View, role_required
from evalsite.platform.models import Role

P = ParamSpec("P")


def reviewers_only(view: View[P]) -> View[P]:
    """Blind reviewers. A lead or an admin can see which response is whose, so may not judge."""

    @wraps(view)
    def gated(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.has_role(Role.LEAD, Role.ADMIN):
            raise PermissionDenied(
                "Leads and admins can see which response is whose, so they do not judge. Use a reviewer's account."
            )
        return view(request, *args, **kwargs)

    return role_required(Role.REVIEWER)(gated)


def lock_own_seat(request: HttpRequest, campaign: UUID) -> Seat:
    try:
        return seats.lock(campaign=campaign, reviewer=request.user)
    except Seat.DoesNotExist:
        raise Http404 from None


def lock_own_pair(request: HttpRequest, campaign: UUID, pair: UUID) -> tuple[Seat, Assignment]:
    try:
        return seats.lock_with_pair(campaign=campaign, reviewer=request.user, pair=pair)
    except Assignment.DoesNotExist:
        raise Http404 from None


def get_own_seat(request: HttpRequest, campaign: UUID) -> Seat:
    try:
        return seated.in_campaign(campaign=campaign, reviewer=request.user)
    except Seat.DoesNotExist:
        raise Http404 from None


def get_own_assignment(seat: Seat, uuid: UUID) -> Assignment:
    try:
        return assignments.of_campaign(seat=seat, uuid=uuid)
    except Assignment.DoesNotExist:
        raise Http404 from None
