"""Experiments: the list, and one with its layers of evidence. For leads and admins."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.models import Experiment
from experiments.reports.comparisons.listing import suite_rows
from experiments.reports.experiment_pages import experiment_rows

PAGE_LENGTH = 25


@require_safe
@role_required("lead", "admin")
def experiments(request: HttpRequest) -> HttpResponse:
    newest = Experiment.objects.select_related("baseline", "candidate").order_by("-created_at")
    page = Paginator(newest, PAGE_LENGTH).get_page(request.GET.get("page"))
    rows = experiment_rows(list(page.object_list))
    return render(request, "experiments/experiments/experiments.html", {"page": page, "rows": rows})


@require_safe
@role_required("lead", "admin")
def experiment(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = get_object_or_404(
        Experiment.objects.select_related("baseline", "candidate", "created_by"), pk=experiment_id
    )
    suites = found.suites.select_related("eval_set").order_by("pk")
    [row] = experiment_rows([found])
    context = {
        "experiment": found,
        "suites": suites,
        "suite_rows": suite_rows(found, list(suites)),
        "row": row,
        "human": row.human,
        "is_told": row.is_told,
        "pairs_url": reverse("experiment_pairs", args=[found.pk]),
    }
    return render(request, "experiments/experiments/experiment.html", context)
