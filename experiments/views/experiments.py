"""Experiments: the overview, the dashboard of one, and the work behind it. For leads and admins."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required, wants_part
from evalsite.platform.progress import waits_in_vain
from experiments.forms.experiments import NewExperimentForm
from experiments.models import Experiment, ModelVersion, SuiteRole
from experiments.reports.comparisons.listing import suite_rows
from experiments.reports.dashboard import overview
from experiments.reports.dashboard.page import DashboardPage, dashboard_page
from experiments.reports.experiment_pages import experiment_rows, live_test_rows
from experiments.services import evidence, visits
from experiments.services import experiments as work
from experiments.services import suites as suite_work

PAGE_LENGTH = 25
USUAL_MARGIN = 0.05
NOTHING_NEW = 204
# Seconds between two looks of an open dashboard: shorter while something is on its way.
SHORT_PAUSE, LONG_PAUSE = 3, 15


@require_safe
@role_required("lead", "admin")
def experiments(request: HttpRequest) -> HttpResponse:
    wanted = overview.OverviewFilter.from_query(request.GET.dict())
    found = wanted.apply(overview.listed(), request.user)
    page = Paginator(found, PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": overview.rows([one.pk for one in page.object_list]),
        "wanted": wanted,
        "now": timezone.now(),
    }
    return render(request, "experiments/experiments/experiments.html", context)


def get_experiment(experiment_id: int) -> Experiment:
    rows = Experiment.objects.select_related("baseline", "candidate", "snapshot").defer("snapshot__text")
    return get_object_or_404(rows, pk=experiment_id)


@require_safe
@role_required("lead", "admin")
def experiment(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Asked by htmx, it answers only what has changed since `seen`."""
    found = get_experiment(experiment_id)
    page = dashboard_page(found, job_key=evidence.job_key(found))
    part = wants_part(request)
    if part and request.GET.get("seen") == page.stamp:
        return HttpResponse(status=NOTHING_NEW)
    visit = visit_of(request, page, renews=part)
    context = {
        "experiment": found,
        "page": page,
        "moves": page.moves(visit.before),
        "visited_at": visit.at,
        "may_sign": request.user.has_role("lead"),
        "pause": SHORT_PAUSE if page.is_moving else LONG_PAUSE,
        "waits_in_vain": bool(page.job and waits_in_vain(page.job, now=timezone.now())),
        **({} if page.policy or part else work_of(found)),
    }
    return render(request, "experiments/experiments/experiment.html", context, partial="state")


def visit_of(request: HttpRequest, page: DashboardPage, *, renews: bool) -> visits.LastVisit:
    """A page that renews itself is still the same visit; before there is a verdict there is no news."""
    if page.policy is None or page.dashboard is None:
        return visits.LastVisit(before={}, at=None)
    if renews:
        return visits.recall(user=request.user, experiment=page.experiment)
    return visits.remember(user=request.user, experiment=page.experiment, state=page.remembered(), now=timezone.now())


@require_POST
@role_required("lead", "admin")
def mark_as_seen(request: HttpRequest, experiment_id: int) -> HttpResponse:
    visits.mark_as_seen(user=request.user, experiment=get_experiment(experiment_id), now=timezone.now())
    return redirect("experiment", experiment_id)


@require_POST
@role_required("lead", "admin")
def gather_evidence(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """At once, where somebody does not want to wait for the beat."""
    evidence.ask(experiment=get_experiment(experiment_id), created_by=request.user, now=timezone.now())
    messages.success(request, "The evidence is being gathered again.")
    return redirect("experiment", experiment_id)


@require_safe
@role_required("lead", "admin")
def experiment_work(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Suites, campaigns and live tests: what people work on, apart from what is decided by."""
    found = get_experiment(experiment_id)
    context = {"experiment": found, **work_of(found)}
    return render(request, "experiments/experiments/work.html", context, partial="work")


def work_of(found: Experiment) -> dict[str, Any]:
    suites = list(found.suites.select_related("eval_set").order_by("pk"))
    [row] = experiment_rows([found])
    return {
        "suites": suites,
        "suite_rows": suite_rows(found, suites),
        "row": row,
        "human": row.human,
        "is_told": row.is_told,
        "pairs_url": reverse("experiment_pairs", args=[found.pk]),
        "live_tests": live_test_rows(found),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_experiment(request: HttpRequest) -> HttpResponse:
    chosen = {name: request.GET[name] for name in ("baseline", "candidate", "eval_set") if name in request.GET}
    form = NewExperimentForm(request.POST) if request.method == "POST" else NewExperimentForm(initial=chosen)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("experiment", made(request, form).pk)
        except work.CannotMake as refusal:
            form.add_error(None, str(refusal))
    context = {"form": form, "enough": ModelVersion.objects.all()[:2].count() > 1}
    return render(request, "experiments/experiments/new_experiment.html", context, status=422 if form.errors else 200)


@transaction.atomic
def made(request: HttpRequest, form: NewExperimentForm) -> Experiment:
    chosen, now = form.cleaned_data, timezone.now()
    found = work.make(
        name=chosen["name"],
        baseline=chosen["baseline"],
        candidate=chosen["candidate"],
        created_by=request.user,
        now=now,
    )
    if chosen["eval_set"] and not found.suites.filter(eval_set=chosen["eval_set"]).exists():
        suite_work.use(
            experiment=found,
            eval_set=chosen["eval_set"],
            role=chosen["role"] or SuiteRole.TARGET,
            margin=USUAL_MARGIN,
            margin_is_relative=False,
            actor=request.user,
            now=now,
        )
    return found
