"""Submit a judgment and get the next pair in the same round trip."""

from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from annotations.forms import JudgmentForm, Said, said_as_usual
from annotations.models import Assignment, Seat
from annotations.services import assignments, judgments, recent
from annotations.views.access import lock_own_pair, reviewers_only
from annotations.views.turns import Filled, claim_after_commit, show
from evalsite.platform.http import HttpRequest, wants_part


@require_POST
@reviewers_only
def submit_judgment(request: HttpRequest, campaign: UUID) -> HttpResponse:
    said = said_as_usual(request.POST)
    if said is None:
        form = JudgmentForm(request.POST)
        if not form.is_valid():
            return show_refused(request, campaign, form, problem=form.first_error, status=422)
        said = form.said()
    try:
        seat, following = keep_and_claim(request, campaign, said)
    except judgments.Conflict as conflict:
        return show_refused(request, campaign, JudgmentForm(request.POST), problem=str(conflict), status=409)
    except judgments.Refused as refusal:
        return show_refused(request, campaign, JudgmentForm(request.POST), problem=str(refusal), status=422)
    if not wants_part(request):
        return redirect("judge", campaign)
    if following is None:
        seat, following = claim_after_commit(request=request, seat=seat, now=timezone.now())
    return show(request, seat=seat, assignment=following)


@transaction.atomic
def keep_and_claim(request: HttpRequest, campaign: UUID, said: Said) -> tuple[Seat, Assignment | None]:
    """Without JavaScript the redirect claims; claiming here too would only do it twice."""
    now = timezone.now()
    seat, assignment = lock_own_pair(request, campaign, said.pair)
    was_open = assignment.state == Assignment.State.OPEN
    if said.verdict.supersedes and said.verdict.supersedes == assignment.current_judgment_id:
        recent.refuse_far_back(assignment=assignment)
    judgments.submit(seat=seat, assignment=assignment, judgment_id=said.judgment, verdict=said.verdict, now=now)
    if not wants_part(request):
        return seat, None
    return seat, assignments.claim_next(seat=seat, now=now, holds_none=was_open)


def show_refused(
    request: HttpRequest, campaign: UUID, form: JudgmentForm, *, problem: str, status: int
) -> HttpResponse:
    """The same pair again with the reason. After a conflict what is kept is shown, else what was sent."""
    if form.pair_uuid is None:
        raise Http404
    with transaction.atomic():
        seat, assignment = lock_own_pair(request, campaign, form.pair_uuid)
    filled = None if status == 409 else Filled.by_form(form)
    return show(request, seat=seat, assignment=assignment, filled=filled, problem=problem, status=status)
