"""The pipeline of an experiment: started with one button, watched over all its parts. For leads and admins."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import Sweep
from experiments.forms.pipelines import FollowForm, StartForm
from experiments.models import Experiment, PipelineRun
from experiments.reports import pipelines as report
from experiments.reports.policies.registered import current
from experiments.services.pipelines import following, starting

UNPROCESSABLE = 422


def get_experiment(experiment_id: int) -> Experiment:
    return get_object_or_404(Experiment.objects.select_related("baseline", "candidate"), pk=experiment_id)


@require_safe
@role_required("lead", "admin")
def pipelines(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = get_experiment(experiment_id)
    return pipelines_page(request, found, FollowForm(experiment=found))


def pipelines_page(request: HttpRequest, found: Experiment, follow: FollowForm, *, status: int = 200) -> HttpResponse:
    rows = report.latest(found)
    newest = rows[0] if rows else None
    is_running = newest is not None and newest.is_running
    context = {
        "experiment": found,
        "newest": newest,
        "earlier": rows[1:],
        "form": StartForm(),
        "follow": follow,
        "may_follow": current(found) is not None,
        "has_suites": found.suites.exists(),
        "no_worker": is_running and not Sweep.objects.workers_alive(now=timezone.now()),
    }
    return render(request, "experiments/pipelines/pipelines.html", context, partial="newest", status=status)


@require_POST
@role_required("lead", "admin")
def start_pipeline(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found, form = get_experiment(experiment_id), StartForm(request.POST)
    if not form.is_valid():
        messages.warning(request, "Start it from this page.")
        return redirect("pipelines", experiment_id)
    try:
        pipeline, is_new = starting.start(
            experiment=found, token=form.cleaned_data["token"], started_by=request.user, now=timezone.now()
        )
    except starting.PipelineRefused as refusal:
        messages.error(request, str(refusal))
    else:
        if not is_new and pipeline.status == PipelineRun.Status.RUNNING:
            messages.info(request, "It is on its way already.")
    return redirect("pipelines", experiment_id)


@require_POST
@role_required("lead", "admin")
def follow_pipeline(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Of the next experiment: another candidate under the same rule."""
    found = get_experiment(experiment_id)
    form = FollowForm(request.POST, experiment=found)
    if not form.is_valid():
        return pipelines_page(request, found, form, status=UNPROCESSABLE)
    try:
        pipeline, _ = following.start_with(
            experiment=found,
            candidate=form.cleaned_data["candidate"],
            token=form.cleaned_data["token"],
            started_by=request.user,
            now=timezone.now(),
        )
    except (following.CannotFollow, starting.PipelineRefused) as refusal:
        form.add_error(None, str(refusal))
        return pipelines_page(request, found, form, status=UNPROCESSABLE)
    messages.success(request, f"This is {pipeline.experiment}: the same policy and suites, another candidate.")
    return redirect("pipelines", pipeline.experiment_id)


@require_POST
@role_required("lead", "admin")
def cancel_pipeline(request: HttpRequest, experiment_id: int, pipeline_id: UUID) -> HttpResponse:
    rows = PipelineRun.objects.select_related("experiment").filter(experiment=experiment_id)
    if starting.cancel(pipeline=get_object_or_404(rows, pk=pipeline_id), actor=request.user, now=timezone.now()):
        messages.success(request, "Stopped. Runs that are on their way go on: end them on their own pages.")
    return redirect("pipelines", experiment_id)
