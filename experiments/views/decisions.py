"""Decisions: signed by a lead, frozen with all they rest on, read by anybody who leads. For leads and admins."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.models import Experiment
from experiments.reports.dashboard.page import decisions_of

PAGE_LENGTH = 25


@require_safe
@role_required("lead", "admin")
def decisions(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = get_object_or_404(Experiment, pk=experiment_id)
    page = Paginator(decisions_of(found), PAGE_LENGTH).get_page(request.GET.get("page"))
    return render(request, "experiments/decisions/decisions.html", {"experiment": found, "page": page})
