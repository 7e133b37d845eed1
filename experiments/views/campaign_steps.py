"""What a lead does to a campaign that is registered. For leads and admins; unblinding for leads."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from annotations.services.seats import NotBlind
from evalsite.platform.http import HttpRequest, role_required
from experiments.forms.campaigns import AddReviewerForm, GuidelinesForm, LowerForm, UnblindForm
from experiments.services.campaigns import amending, running, unblinding
from experiments.services.campaigns.naming import NamesAModel
from experiments.tasks import ask_for_results
from experiments.views.lookup import get_planned_campaign, get_seat_of


@require_POST
@role_required("lead", "admin")
def step_campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    """Pause, resume or close."""
    campaign = get_planned_campaign(campaign_uuid)
    name = request.POST.get("step", "")
    try:
        if name not in running.STEPS:
            raise running.WrongState("Choose to pause, resume or close.")
        running.step(campaign=campaign, name=name, actor=request.user, now=timezone.now())
    except running.WrongState as error:
        messages.error(request, str(error))
    return redirect("campaign", campaign_uuid)


@require_POST
@role_required("lead", "admin")
def add_reviewer(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    form = AddReviewerForm(request.POST, campaign=campaign)
    if not form.is_valid():
        messages.error(request, "Choose one of the people offered.")
        return redirect("manage_campaign", campaign_uuid)
    reviewer = form.cleaned_data["reviewer"]
    try:
        running.add_reviewer(campaign=campaign, reviewer=reviewer, actor=request.user, now=timezone.now())
    except (running.WrongState, NotBlind) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{reviewer.username} may review now.")
    return redirect("manage_campaign", campaign_uuid)


@require_POST
@role_required("lead", "admin")
def remove_reviewer(request: HttpRequest, campaign_uuid: UUID, seat_id: int) -> HttpResponse:
    seat = get_seat_of(get_planned_campaign(campaign_uuid), seat_id)
    running.remove_reviewer(seat=seat, actor=request.user, now=timezone.now())
    messages.success(request, f"{seat.reviewer.username} gets no more pairs. What they judged stays.")
    return redirect("manage_campaign", campaign_uuid)


@require_POST
@role_required("lead", "admin")
def publish_guidelines(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    form = GuidelinesForm(request.POST)
    try:
        if not form.is_valid():
            raise NamesAModel("Write the guidelines first.")
        version = running.publish_guidelines(
            campaign=campaign, text=form.cleaned_data["text"], actor=request.user, now=timezone.now()
        )
    except NamesAModel as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Version {version.number} of the guidelines is shown to reviewers from now on.")
    return redirect("manage_campaign", campaign_uuid)


@require_POST
@role_required("lead")
def unblind_campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    form = UnblindForm(request.POST)
    try:
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        unblinding.unblind(campaign=campaign, by=request.user, reason=reason, now=timezone.now())
    except unblinding.MayNotUnblind as error:
        messages.error(request, str(error))
    else:
        ask_for_results(campaign)
        messages.success(
            request, "The direction is shown as soon as the figures are computed. Your reason is on record."
        )
    return redirect("campaign", campaign_uuid)


@require_POST
@role_required("lead", "admin")
def release_skips(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    try:
        n = amending.release_skips(campaign=campaign, actor=request.user, now=timezone.now())
    except running.WrongState as error:
        messages.error(request, str(error))
    else:
        ask_for_results(campaign)
        word = "pair is" if n == 1 else "pairs are"
        messages.success(request, f"{n:,} skipped {word} offered again to whoever skipped them.")
    return redirect("campaign", campaign_uuid)


@require_POST
@role_required("lead")
def lower_planned(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    """To the number that can still be reached."""
    campaign = get_planned_campaign(campaign_uuid)
    form = LowerForm(request.POST)
    try:
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        row = amending.lower(campaign=campaign, by=request.user, reason=reason, now=timezone.now())
    except (amending.CannotLower, running.WrongState) as error:
        messages.error(request, str(error))
    else:
        ask_for_results(campaign)
        messages.success(request, f"The campaign waits for {row.planned_judgments:,} judgments now. That is on record.")
    return redirect("campaign", campaign_uuid)
