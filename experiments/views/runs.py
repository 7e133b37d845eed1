"""Benchmark runs: the list, a new one, one at work, its cases. For leads and admins."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.runs import ChooseRunForm, NewRunForm, ResumeForm
from experiments.models import BenchmarkRun, ErrorClass, EvalSet, ModelVersion, RunItem
from experiments.reports.run_scores import run_scores
from experiments.reports.runs import ItemFilter, RunFilter, forecast, items_of, standing
from experiments.services.runs import pausing, starting
from experiments.services.runs.messages import AskedCase, AskedModel, messages_for
from experiments.services.runs.starting import RunRefused
from experiments.services.scoring import choosing

PAGE_LENGTH = 25
CASES_PER_PAGE = 50


@require_safe
@role_required("lead", "admin")
def runs(request: HttpRequest) -> HttpResponse:
    wanted = RunFilter.from_query(request.GET.dict())
    page = Paginator(wanted.apply(BenchmarkRun.objects.listed()), PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "wanted": wanted,
        "eval_sets": EvalSet.objects.filter(runs__isnull=False).distinct().order_by("name", "-version"),
        "models": ModelVersion.objects.filter(runs__isnull=False).distinct().order_by("name", "version"),
        "states": BenchmarkRun.Status.choices,
    }
    return render(request, "experiments/runs/runs.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_run(request: HttpRequest) -> HttpResponse:
    """The address names set and model; until it names both, they are asked for."""
    names_both = {"eval_set", "model"} <= request.GET.keys()
    choice = ChooseRunForm(request.GET) if names_both else ChooseRunForm(initial=request.GET.dict())
    if not (choice.is_bound and choice.is_valid()):
        status = 422 if request.method == "POST" else 200
        return render(request, "experiments/runs/new_run.html", {"choice": choice}, status=status)
    chosen = choice.cleaned_data
    form = NewRunForm(
        request.POST if request.method == "POST" else None, model_version=chosen["model"], eval_set=chosen["eval_set"]
    )
    if request.method == "POST" and form.is_valid():
        try:
            run = start(request, chosen, form.cleaned_data)
        except (RunRefused, choosing.ScorersRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("run", run.pk)
    context = {"choice": choice, "form": form, "chosen": chosen, "forecast": forecast_for(chosen, form)}
    return render(request, "experiments/runs/new_run.html", context, status=422 if form.errors else 200)


def start(request: HttpRequest, chosen: dict[str, Any], said: dict[str, Any]) -> BenchmarkRun:
    return starting.start(
        run_id=said["token"],
        model_version=chosen["model"],
        eval_set=chosen["eval_set"],
        experiment=chosen["experiment"],
        scorers=choosing.chosen(said["scorers"]),
        threads=said["threads"],
        budget=said["budget"],
        created_by=request.user,
        now=timezone.now(),
    )


def forecast_for(chosen: dict[str, Any], form: NewRunForm) -> Any:
    return forecast(
        eval_set_id=chosen["eval_set"].pk,
        n_cases=chosen["eval_set"].n_cases,
        model_version_id=chosen["model"].pk,
        endpoint=chosen["model"].endpoint,
        threads=form["threads"].initial or 8,
    )


def get_run(run_id: UUID) -> BenchmarkRun:
    rows = BenchmarkRun.objects.select_related("model_version__endpoint", "eval_set", "experiment", "created_by", "job")
    return get_object_or_404(rows, pk=run_id)


@require_safe
@role_required("lead", "admin")
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    return render(request, "experiments/runs/run.html", page_of(get_run(run_id)), partial="state")


def page_of(found: BenchmarkRun, form: ResumeForm | None = None) -> dict[str, Any]:
    return {
        "run": found,
        "standing": standing(found, now=timezone.now()),
        "scores": run_scores(found),
        "endpoint": found.model_version.endpoint,
        "resume": form or ResumeForm(run=found),
        "n_retryable": found.items.filter(state=RunItem.State.ERROR, output=None).count()
        if found.n_errors and found.model_version.endpoint_id
        else 0,
    }


@require_POST
@role_required("lead", "admin")
def step_run(request: HttpRequest, run_id: UUID, step: str) -> HttpResponse:
    """Pause, resume, cancel, end or retry."""
    if step not in pausing.STEPS:
        raise Http404("There is no such step.")
    found = get_run(run_id)
    form = ResumeForm(request.POST, run=found)
    if not form.is_valid():
        return render(request, "experiments/runs/run.html", page_of(found, form), status=422)
    more = {"budget": form.cleaned_data["budget"]} if step == "resume" else {}
    try:
        pausing.STEPS[step](run=found, actor=request.user, now=timezone.now(), **more)
    except RunRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("run", run_id)


@require_safe
@role_required("lead", "admin")
def run_cases(request: HttpRequest, run_id: UUID) -> HttpResponse:
    found = get_run(run_id)
    wanted = ItemFilter.from_query(request.GET.dict())
    page = Paginator(items_of(found, wanted), CASES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "run": found,
        "wanted": wanted,
        "page": page,
        "states": RunItem.State.choices,
        "errors": ErrorClass.choices,
    }
    return render(request, "experiments/runs/run_cases.html", context)


@require_safe
@role_required("lead", "admin")
def run_case(request: HttpRequest, run_id: UUID, item_id: int) -> HttpResponse:
    found = get_run(run_id)
    item = get_object_or_404(RunItem.objects.select_related("case", "output"), run=found, pk=item_id)
    version, case = found.model_version, item.case
    context = {
        "run": found,
        "item": item,
        "tries": item.tries.order_by("pk"),
        "sent": messages_for(
            AskedModel(version.model, version.system_prompt, version.prompt_template),
            AskedCase(prompt=case.prompt, system=case.system, turns=case.turns, checks=case.checks),
        ),
    }
    return render(request, "experiments/runs/run_case.html", context)
