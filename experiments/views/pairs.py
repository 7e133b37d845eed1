"""The pairs behind a number, and one pair with all that was said about it. For leads and admins."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.models import CampaignPlan, Experiment
from experiments.reports.pair_detail import pair_detail
from experiments.reports.pair_list import Wanted, pair_list
from experiments.reports.progress import progress_of
from experiments.services.results import judged_campaigns
from experiments.views.lookup import get_pair_of, get_planned_campaign


@require_safe
@role_required("lead", "admin")
def campaign_pairs(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    experiment = Experiment.objects.get(plans__campaign=campaign)
    told = progress_of([campaign])[campaign.pk].revealed
    context = {"campaign": campaign, "experiment": experiment, "is_told": told}
    return list_page(request, [campaign.pk], {campaign.pk} if told else set(), context)


@require_safe
@role_required("lead", "admin")
def experiment_pairs(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Of all campaigns of the experiment whose direction is told, as its pooled figures are; else of all."""
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    progress = progress_of(judged_campaigns(experiment))
    told = {pk for pk, one in progress.items() if one.revealed}
    return list_page(request, sorted(told or progress), told, {"experiment": experiment, "is_told": bool(told)})


def list_page(
    request: HttpRequest, campaigns: list[int], may_tell: set[int], context: dict[str, object]
) -> HttpResponse:
    wanted = Wanted.from_query(request.GET.dict())
    found = pair_list(campaigns, wanted=wanted, may_tell=may_tell, page=request.GET.get("page"))
    context |= {"found": found, "page": found.page, "wanted": wanted}
    return render(request, "experiments/campaigns/pairs.html", context)


@require_safe
@role_required("lead", "admin")
def campaign_pair(request: HttpRequest, campaign_uuid: UUID, task_id: int) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    pair = get_pair_of(campaign, task_id)
    context = {
        "campaign": campaign,
        "experiment": CampaignPlan.objects.select_related("experiment").get(campaign=campaign).experiment,
        "is_told": progress_of([campaign])[campaign.pk].revealed,
        "detail": pair_detail(pair),
        "pair": pair,
    }
    return render(request, "experiments/campaigns/pair.html", context)
