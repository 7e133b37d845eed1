"""A campaign before it opens: fill in, look at what it will ask, open. For leads and admins."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from annotations.models import Campaign
from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.campaigns import CampaignForm, initial_of
from experiments.models import CampaignPlan, Experiment
from experiments.reports.available_pairs import available_pairs
from experiments.reports.gold_pool import known_pairs
from experiments.reports.suite_pairs import suite_pairs
from experiments.services.campaigns import drafts, opening
from experiments.services.campaigns.naming import NamesAModel
from experiments.views.lookup import get_planned_campaign


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_campaign(request: HttpRequest, experiment_id: int) -> HttpResponse:
    experiment = get_object_or_404(Experiment.objects.select_related("baseline", "candidate"), pk=experiment_id)
    form = CampaignForm(request.POST if request.method == "POST" else None, suites=suite_pairs(experiment))
    if request.method == "POST" and form.is_valid():
        try:
            campaign = keep_draft(request, form, experiment)
        except (NamesAModel, drafts.NotADraft) as error:
            form.add_error(None, str(error))
        else:
            return redirect("campaign", campaign.uuid)
    return form_page(request, form, experiment)


def keep_draft(request: HttpRequest, form: CampaignForm, experiment: Experiment) -> Campaign:
    """A form that is sent twice makes one campaign; what was changed in between is taken over."""
    now, token = timezone.now(), form.cleaned_data["token"]
    made = CampaignPlan.objects.filter(experiment=experiment, campaign__uuid=token).select_related("campaign").first()
    if made is None:
        return drafts.create(experiment=experiment, draft=form.draft(), created_by=request.user, uuid=token, now=now)
    drafts.change(campaign=made.campaign, draft=form.draft(), changed_by=request.user, now=now)
    return made.campaign


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def edit_campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate").get(campaign=campaign)
    form = CampaignForm(
        request.POST if request.method == "POST" else None,
        initial=initial_of(campaign, plan),
        suites=suite_pairs(plan.experiment),
    )
    if request.method == "POST" and form.is_valid():
        try:
            drafts.change(campaign=campaign, draft=form.draft(), changed_by=request.user, now=timezone.now())
        except (NamesAModel, drafts.NotADraft) as error:
            form.add_error(None, str(error))
        else:
            return redirect("campaign", campaign.uuid)
    return form_page(request, form, plan.experiment, campaign_uuid)


def form_page(
    request: HttpRequest, form: CampaignForm, experiment: Experiment, campaign_uuid: UUID | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "experiment": experiment,
        "campaign_uuid": campaign_uuid,
        "available": available_pairs(experiment),
        "n_known": known_pairs(experiment),
    }
    status = 422 if form.errors else 200
    return render(request, "experiments/campaigns/campaign_form.html", context, status=status)


@require_POST
@role_required("lead", "admin")
def discard_campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    experiment_id = CampaignPlan.objects.values_list("experiment_id", flat=True).get(campaign=campaign)
    try:
        drafts.discard(campaign=campaign, discarded_by=request.user, now=timezone.now())
    except drafts.NotADraft as error:
        messages.error(request, str(error))
        return redirect("campaign", campaign_uuid)
    messages.success(request, f"The draft “{campaign.title}” is discarded.")
    return redirect("experiment", experiment_id)


@require_POST
@role_required("lead", "admin")
def open_campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    try:
        opening.request_opening(campaign=campaign, requested_by=request.user, now=timezone.now())
    except opening.CannotOpen as error:
        messages.error(request, str(error))
    return redirect("campaign", campaign_uuid)


@require_POST
@role_required("lead", "admin")
def back_to_draft(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    """After a failed opening; while its job still runs the answer is no."""
    campaign = get_planned_campaign(campaign_uuid)
    job = opening.job_of(campaign)
    if job and job.is_live:
        messages.error(request, "The campaign is still being opened. Stop the job first.")
    else:
        opening.back_to_draft(campaign_uuid=campaign.uuid)
    return redirect("campaign", campaign_uuid)
