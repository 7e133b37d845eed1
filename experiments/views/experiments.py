"""Experiments: the list, and one with its layers of evidence. For leads and admins."""

from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.experiments import NewExperimentForm
from experiments.models import Experiment, ModelVersion, SuiteRole
from experiments.reports.comparisons.listing import suite_rows
from experiments.reports.experiment_pages import experiment_rows
from experiments.services import experiments as work
from experiments.services import suites as suite_work

PAGE_LENGTH = 25
USUAL_MARGIN = 0.05


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
