"""Showing a reviewer the pair to judge now, or why there is none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from annotations.forms import FlagForm, JudgmentForm, SkipForm
from annotations.models import Assignment, Judgment, Seat
from annotations.reports import progress
from annotations.services import assignments
from annotations.views import fragments
from annotations.views.access import lock_own_seat, reviewers_only
from evalsite.platform.http import HttpRequest, render, wants_part


@dataclass(frozen=True)
class Filled:
    """What stands in the ballot when it is shown: nothing, an earlier judgment, or what was just refused."""

    choice: str = ""
    criteria: dict[str, str] | None = None
    comment: str = ""

    @classmethod
    def by_judgment(cls, judgment: Judgment | None) -> "Filled":
        if judgment is None:
            return cls()
        return cls(choice=judgment.choice, criteria=judgment.criteria, comment=judgment.comment)

    @classmethod
    def by_form(cls, form: JudgmentForm) -> "Filled":
        return cls(choice=form.data.get("choice", ""), criteria=form.criteria(), comment=form.data.get("comment", ""))


@require_GET
@reviewers_only
def judge(request: HttpRequest, campaign: Any) -> HttpResponse:
    with transaction.atomic():
        seat = lock_own_seat(request, campaign)
        assignment = assignments.claim_next(seat=seat, now=timezone.now(), wait=True)
    return show(request, seat=seat, assignment=assignment)


def show(
    request: HttpRequest,
    *,
    seat: Seat,
    assignment: Assignment | None,
    filled: Filled | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """The judging page or its main part; without a pair, the page that says why."""
    context = {
        "seat": seat,
        "campaign": seat.campaign,
        "to": fragments.addresses(seat.campaign.uuid),
        "progress": progress.of_seat(seat),
        "problem": problem,
    }
    if assignment is None:
        template = "annotations/no_pair.html"
    else:
        template = "annotations/judge.html"
        context |= ballot(seat=seat, assignment=assignment, filled=filled)
        if not wants_part(request):
            context["dialog_forms"] = {"skip": SkipForm(auto_id="skip_%s"), "flag": FlagForm(auto_id="flag_%s")}
    return render(request, template, context, partial="turn", status=status)


def ballot(*, seat: Seat, assignment: Assignment, filled: Filled | None) -> dict[str, Any]:
    judged = assignment.current_judgment if assignment.current_judgment_id else None
    filled = filled or Filled.by_judgment(judged)
    guidelines = seat.campaign.current_guidelines
    return {
        "assignment": assignment,
        "task": assignment.task,
        "responses": [("A", assignment.left), ("B", assignment.right)],
        "judgment_id": uuid4(),
        "filled": filled,
        "verdicts": fragments.verdicts(seat, filled.choice),
        "criteria": fragments.criteria(seat, filled.criteria or {}),
        "guidelines": guidelines,
        "news": guidelines is not None and seat.guidelines_seen < guidelines.number,
    }


def claim_after_commit(*, seat: Seat, request: HttpRequest, now: datetime) -> tuple[Seat, Assignment | None]:
    """Look once more, waiting for those who hold the last pairs locked right now."""
    with transaction.atomic():
        seat = lock_own_seat(request, seat.campaign.uuid)
        return seat, assignments.claim_next(seat=seat, now=now, wait=True)
