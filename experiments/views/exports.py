"""Downloads of a campaign's judgments. For leads and admins, once the direction is told."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from evalsite.platform.http import HttpRequest, role_required
from experiments.models import CampaignPlan
from experiments.reports.exports import TABLES
from experiments.services import exporting
from experiments.views.lookup import get_planned_campaign

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@require_GET
@role_required("lead", "admin")
def export_campaign(request: HttpRequest, campaign_uuid: UUID, file: str) -> HttpResponseBase:
    campaign = get_planned_campaign(campaign_uuid)
    name, _, ending = file.partition(".")
    if name not in TABLES or ending not in exporting.FORMATS:
        raise Http404("There is no such export.")
    plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate").get(campaign=campaign)
    try:
        body = exporting.export(
            experiment=plan.experiment,
            campaigns=[campaign],
            name=name,
            ending=ending,
            exported_by=request.user,
            now=timezone.now(),
        )
    except exporting.DirectionHidden as error:
        messages.error(request, str(error))
        return redirect("campaign", campaign_uuid)
    filename = f"{slugify(campaign.title) or 'campaign'}-{file}"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingHttpResponse(body, content_type=CONTENT_TYPES[ending], headers=headers)
