"""Back to pairs judged or skipped a moment ago."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from annotations.models import Assignment
from annotations.services import recent
from annotations.views.access import get_own_seat, reviewers_only
from annotations.views.turns import show
from evalsite.platform.http import HttpRequest, render


@require_GET
@reviewers_only
def pair(request: HttpRequest, assignment: UUID) -> HttpResponse:
    """One of the reviewer's own pairs, with what was said about it."""
    own = Assignment.objects.of(request.user).select_related("task", "current_judgment", "campaign")
    turn = get_object_or_404(own, uuid=assignment)
    seat = get_own_seat(request, turn.campaign.uuid)
    if not recent.may_change(assignment=turn):
        context = {"campaign": seat.campaign, "turn": turn, "last": recent.LAST}
        return render(request, "annotations/past_pair.html", context, status=403)
    return show(request, seat=seat, assignment=turn)


@require_GET
@reviewers_only
def back(request: HttpRequest, campaign: UUID) -> HttpResponse:
    """To the pair before the one named by ?from=, or to the one judged last."""
    seat = get_own_seat(request, campaign)
    earlier = list(recent.last_finished(seat=seat).values_list("uuid", flat=True))
    here = request.GET.get("from", "")
    names = [str(uuid) for uuid in earlier]
    following = earlier[names.index(here) + 1 :] if here in names else earlier
    if not following:
        return redirect("recent_pairs", campaign)
    return redirect("pair", following[0])


@require_GET
@reviewers_only
def recent_pairs(request: HttpRequest, campaign: UUID) -> HttpResponse:
    seat = get_own_seat(request, campaign)
    turns = recent.last_finished(seat=seat).select_related("task", "current_judgment")
    return render(
        request, "annotations/recent_pairs.html", {"campaign": seat.campaign, "turns": turns, "last": recent.LAST}
    )
