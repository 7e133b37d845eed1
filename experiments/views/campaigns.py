"""The page of a campaign: its draft, its opening, or its progress and results. For leads and admins."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from annotations.models import Campaign, Criterion
from evalsite.platform.http import HttpRequest, render, role_required, wants_part
from evalsite.platform.models import Job
from evalsite.platform.progress import progress_of
from experiments.forms.campaigns import AddReviewerForm, GuidelinesForm, LowerForm, UnblindForm
from experiments.reports.campaign_page import CampaignPage, bars, busiest, campaign_page, most_active_first
from experiments.reports.preview import preview
from experiments.services.campaigns import opening
from experiments.views.lookup import get_planned_campaign

NOTHING_NEW = 204
REVIEWERS_ON_THE_PAGE = 15
REVIEWERS_PER_PAGE = 40


@require_safe
@role_required("lead", "admin")
def campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    found = get_planned_campaign(campaign_uuid)
    if wants_part(request) and "seen" not in request.GET and found.status != Campaign.Status.OPENING:
        # The opening page asks whether it is over: then it is another page.
        return HttpResponseClientRefresh()
    page = campaign_page(found)
    if found.status == Campaign.Status.DRAFT:
        return draft(request, page)
    if found.status == Campaign.Status.OPENING:
        return opening_page(request, page)
    if wants_part(request) and request.GET.get("seen") == page.stamp:
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "experiments/campaigns/campaign.html", results_of(request, page), partial="results")


def results_of(request: HttpRequest, page: CampaignPage) -> dict[str, object]:
    """moved: forms that have come or gone since the page asked last. The others are left alone while someone types."""
    offers = offers_of(request, page)
    timeline = page.human["votes_per_hour"] if page.human else {"step_seconds": 3600, "start": None, "counts": []}
    return {
        "page": page,
        "campaign": page.campaign,
        "human": page.human,
        "is_told": page.is_told,
        "reviewers": most_active_first(page.human["reviewers"])[:REVIEWERS_ON_THE_PAGE] if page.human else [],
        "bars": bars(timeline),
        "busiest": busiest(timeline),
        "unblind_form": UnblindForm(),
        "lower_form": LowerForm(auto_id="lower_%s"),
        "offers": offers,
        "moved": {*offers} ^ {*request.GET.get("offers", "").split(",")},
        "is_part": wants_part(request),
        "pairs_url": reverse("campaign_pairs", args=[page.campaign.uuid]),
    }


def offers_of(request: HttpRequest, page: CampaignPage) -> list[str]:
    """What a lead may do here with a reason on record."""
    if not request.user.has_role("lead"):
        return []
    may_unblind = not page.progress.revealed
    may_lower = page.out_of_reach is not None and not page.progress.unblinded
    return [*(["unblind"] if may_unblind else []), *(["lower"] if may_lower else [])]


def draft(request: HttpRequest, page: CampaignPage) -> HttpResponse:
    last_try = opening.job_of(page.campaign)
    context = {
        "page": page,
        "campaign": page.campaign,
        "failure": last_try.error if last_try and last_try.status == Job.Status.FAILED else "",
        "criteria": Criterion.objects.filter(campaign=page.campaign).order_by("position"),
        "preview": preview(page.campaign, page.plan, reviewers=page.progress.reviewers),
    }
    return render(request, "experiments/campaigns/draft.html", context)


def opening_page(request: HttpRequest, page: CampaignPage) -> HttpResponse:
    job = opening.job_of(page.campaign)
    if job and job.status == Job.Status.DONE and not is_still_opening(page.campaign):
        return HttpResponseClientRefresh() if wants_part(request) else redirect("campaign", page.campaign.uuid)
    progress = progress_of(job, now=timezone.now()) if job else None
    context = {"page": page, "campaign": page.campaign, "progress": progress}
    return render(request, "experiments/campaigns/opening.html", context, partial="state")


def is_still_opening(campaign: Campaign) -> bool:
    """The job may have ended between the reading of the campaign and of the job."""
    return Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.OPENING).exists()


@require_safe
@role_required("lead", "admin")
def campaign_reviewers(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    """All reviewers' figures, where they are too many for the campaign's own page."""
    page = campaign_page(get_planned_campaign(campaign_uuid))
    found = page.human["reviewers"] if page.human else []
    context = {
        "campaign": page.campaign,
        "experiment": page.experiment,
        "page": Paginator(most_active_first(found), REVIEWERS_PER_PAGE).get_page(request.GET.get("page")),
        "pairs_url": reverse("campaign_pairs", args=[page.campaign.uuid]),
    }
    return render(request, "experiments/campaigns/reviewers.html", context)


@require_safe
@role_required("lead", "admin")
def manage_campaign(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    """Reviewers, guidelines and the registered plan."""
    page = campaign_page(get_planned_campaign(campaign_uuid))
    current = page.campaign.current_guidelines
    context = {
        "page": page,
        "campaign": page.campaign,
        "criteria": Criterion.objects.filter(campaign=page.campaign).order_by("position"),
        "add_form": AddReviewerForm(campaign=page.campaign),
        "guidelines_form": GuidelinesForm(initial={"text": current.text if current else ""}),
    }
    return render(request, "experiments/campaigns/manage.html", context)
