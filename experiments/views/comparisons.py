"""Two runs compared: the list, one comparison, the cases that changed. For leads and admins."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.progress import progress_of
from experiments.forms.comparisons import CompareForm
from experiments.models import BenchmarkRun, ExperimentSuite, RunComparison
from experiments.reports.comparisons.change_list import Wanted, change_page
from experiments.reports.comparisons.listing import listed, rows
from experiments.reports.comparisons.page import ComparisonPage
from experiments.services import comparisons as work
from experiments.services import suite_runs
from experiments.services.runs.starting import RunRefused
from experiments.services.scoring.choosing import ScorersRefused

PAGE_LENGTH = 25


@require_safe
@role_required("lead", "admin")
def comparisons(request: HttpRequest) -> HttpResponse:
    page = Paginator(listed(), PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": rows(page.object_list),
        "n_finished": BenchmarkRun.objects.finished().count(),
    }
    return render(request, "experiments/comparisons/comparisons.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_comparison(request: HttpRequest) -> HttpResponse:
    """`baseline` and `candidate` in the address choose runs before the form is seen."""
    if request.method != "POST":
        form = CompareForm(initial=request.GET.dict())
        return render(request, "experiments/comparisons/new_comparison.html", {"form": form})
    form = CompareForm(request.POST)
    if form.is_valid():
        try:
            found = work.get_or_start(
                baseline_run=form.cleaned_data["baseline"],
                candidate_run=form.cleaned_data["candidate"],
                created_by=request.user,
                now=timezone.now(),
            )
        except work.CannotCompare as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("comparison", found.pk)
    return render(request, "experiments/comparisons/new_comparison.html", {"form": form}, status=422)


def get_comparison(comparison_id: UUID) -> RunComparison:
    found = RunComparison.objects.select_related(
        "baseline_run__model_version",
        "candidate_run__model_version",
        "baseline_run__eval_set",
        "experiment",
        "job",
    )
    return get_object_or_404(found, pk=comparison_id)


@require_safe
@role_required("lead", "admin")
def comparison(request: HttpRequest, comparison_id: UUID) -> HttpResponse:
    found = get_comparison(comparison_id)
    context: dict[str, Any] = {
        "comparison": found,
        "page": page_of(request, found),
        "progress": progress_of(found.job, now=timezone.now()) if found.job else None,
        "is_stale": work.is_stale(found),
        "is_computing": bool(found.job and found.job.is_live),
    }
    return render(request, "experiments/comparisons/comparison.html", context, partial="state")


def page_of(request: HttpRequest, found: RunComparison) -> ComparisonPage | None:
    if not found.payload:
        return None
    shows_all = request.GET.get("rows") == "all"
    return ComparisonPage(found, found.payload, chosen=request.GET.get("categories", ""), shows_all=shows_all)


@require_POST
@role_required("lead", "admin")
def renew_comparison(request: HttpRequest, comparison_id: UUID) -> HttpResponse:
    """After a failure, or at once where somebody does not want to wait for the beat."""
    found = get_comparison(comparison_id)
    work.start(found, created_by=request.user, now=timezone.now())
    return redirect("comparison", comparison_id)


@require_safe
@role_required("lead", "admin")
def comparison_changes(request: HttpRequest, comparison_id: UUID) -> HttpResponse:
    found = get_comparison(comparison_id)
    page = change_page(found, Wanted.from_query(request.GET.dict())) if found.payload else None
    if page is None:
        return redirect("comparison", comparison_id)
    context = {"comparison": found, "page": page, "shown": page.shown}
    return render(request, "experiments/comparisons/changes.html", context, partial="changes")


@require_POST
@role_required("lead", "admin")
def start_missing_runs(request: HttpRequest, experiment_id: int, suite_id: int) -> HttpResponse:
    suites = ExperimentSuite.objects.select_related("experiment__baseline", "experiment__candidate", "eval_set")
    suite = get_object_or_404(suites, pk=suite_id, experiment=experiment_id)
    try:
        ids = {arm: UUID(request.POST[f"{arm}_run"]) for arm in ("baseline", "candidate")}
    except (KeyError, ValueError):
        ids = {arm: uuid4() for arm in ("baseline", "candidate")}
    try:
        started = suite_runs.start_missing(suite=suite, run_ids=ids, created_by=request.user, now=timezone.now())
    except (RunRefused, ScorersRefused) as refusal:
        messages.error(request, str(refusal))
    else:
        count = len(started)
        messages.success(request, f"{count} run{'' if count == 1 else 's'} over {suite.eval_set} started.")
    return redirect("experiment", experiment_id)
