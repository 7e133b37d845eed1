"""The pairs behind a number, and one pair with all that was said about it. For leads and admins."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from annotations.models import Campaign, Criterion
from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.gold import GoldForm
from experiments.models import BlindedPair, CampaignPlan, Experiment
from experiments.reports.gold_pool import known_answer
from experiments.reports.pair_detail import pair_detail
from experiments.reports.pair_list import Wanted, pair_list
from experiments.reports.progress import progress_of
from experiments.services.campaigns import gold
from experiments.services.results import judged_campaigns
from experiments.views.lookup import get_pair_of, get_planned_campaign


@require_safe
@role_required("lead", "admin")
def campaign_pairs(request: HttpRequest, campaign_uuid: UUID) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    experiment = Experiment.objects.get(plans__campaign=campaign)
    told = is_told(campaign)
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
    label = criterion_label(campaigns, wanted.criterion) if wanted.criterion else ""
    context |= {"found": found, "page": found.page, "wanted": wanted, "criterion_label": label}
    return render(request, "experiments/campaigns/pairs.html", context)


def criterion_label(campaigns: list[int], key: str) -> str:
    found = Criterion.objects.filter(campaign__in=campaigns, key=key).values_list("label", flat=True)
    return found.order_by("-pk").first() or key


@require_safe
@role_required("lead", "admin")
def campaign_pair(request: HttpRequest, campaign_uuid: UUID, task_id: int) -> HttpResponse:
    campaign = get_planned_campaign(campaign_uuid)
    return pair_page(request, campaign, get_pair_of(campaign, task_id))


@require_POST
@role_required("lead")
def mark_gold(request: HttpRequest, campaign_uuid: UUID, task_id: int) -> HttpResponse:
    """Say which answer is known to be right, or take that back."""
    campaign = get_planned_campaign(campaign_uuid)
    pair = get_pair_of(campaign, task_id)
    form = GoldForm(request.POST, told=is_told(campaign))
    if not form.is_valid():
        return pair_page(request, campaign, pair, form)
    said = form.cleaned_data
    try:
        gold.mark(
            pair=pair, answer=said["answer"], reason=said["reason"], by=request.user, request=said["request"],
            now=timezone.now(),
        )  # fmt: skip
    except gold.CannotMark as error:
        form.add_error(None, str(error))
        return pair_page(request, campaign, pair, form)
    messages.success(request, "Kept. Campaigns that open from now on may measure reviewers by it.")
    return redirect("campaign_pair", campaign_uuid, task_id)


def is_told(campaign: Campaign) -> bool:
    return progress_of([campaign])[campaign.pk].revealed


def pair_page(
    request: HttpRequest, campaign: Campaign, pair: BlindedPair, form: GoldForm | None = None
) -> HttpResponse:
    told = is_told(campaign)
    experiment = CampaignPlan.objects.select_related("experiment").get(campaign=campaign).experiment
    known = known_answer(experiment, pair.case_id)
    context = {
        "campaign": campaign,
        "experiment": experiment,
        "is_told": told,
        "detail": pair_detail(pair),
        "pair": pair,
        "measures": gold.in_words(pair=pair, answer=pair.gold, told=told),
        "known": known,
        "known_words": gold.in_words(pair=pair, answer=known.answer, told=told) if known else "",
        "gold_form": form or GoldForm(told=told),
        "may_mark": request.user.has_role("lead") and not pair.identical,
    }
    return render(request, "experiments/campaigns/pair.html", context, status=422 if form else 200)
