"""Scores of a run: the cases behind each, scoring again, and downloads. For leads and admins."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.scorers import ScorersForm
from experiments.models import BenchmarkRun, RunScorer
from experiments.reports import lm_eval, scored_cases
from experiments.reports.exports import as_csv, as_json_lines
from experiments.reports.run_scores import ScorerRow, run_scores
from experiments.services.scoring import choosing, rescoring

FORMATS = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "jsonl": (as_json_lines, "application/x-ndjson"),
}


def get_run(run_id: UUID) -> BenchmarkRun:
    return get_object_or_404(BenchmarkRun.objects.select_related("model_version", "eval_set"), pk=run_id)


def get_scorer_of(run_id: UUID, run_scorer_id: int) -> RunScorer:
    scorers = RunScorer.objects.select_related("run__model_version", "run__eval_set")
    return get_object_or_404(scorers, run=run_id, pk=run_scorer_id, finished_at__isnull=False)


@require_safe
@role_required("lead", "admin")
def run_scorer(request: HttpRequest, run_id: UUID, run_scorer_id: int) -> HttpResponse:
    found = get_scorer_of(run_id, run_scorer_id)
    wanted = scored_cases.Wanted.from_query(request.GET.dict())
    listed = scored_cases.case_list(found, wanted=wanted, page=request.GET.get("page"))
    context = {
        "run": found.run,
        "row": ScorerRow(found, found.summary),
        "scores": run_scores(found.run),
        "wanted": wanted,
        "listed": listed,
        "page": listed.page,
        "results": scored_cases.RESULTS,
    }
    return render(request, "experiments/runs/run_scorer.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def rescore_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    run = get_run(run_id)
    current = run.scorers.filter(is_current=True).order_by("pk")
    form = ScorersForm(request.POST if request.method == "POST" else None, current=list(current), eval_set=run.eval_set)
    if request.method == "POST" and form.is_valid():
        try:
            chosen = choosing.chosen(form.cleaned_data["scorers"])
            rescoring.rescore(run=run, scorers=chosen, actor=request.user, now=timezone.now())
        except (choosing.ScorersRefused, rescoring.CannotScore) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The outputs are being scored again. No model is called for that.")
            return redirect("run", run_id)
    context = {"run": run, "form": form}
    return render(request, "experiments/runs/rescore.html", context, status=422 if form.errors else 200)


@require_GET
@role_required("lead", "admin")
def export_scores(request: HttpRequest, run_id: UUID, run_scorer_id: int, ending: str) -> HttpResponseBase:
    found = get_scorer_of(run_id, run_scorer_id)
    if ending not in FORMATS:
        raise Http404("There is no such export.")
    write, content_type = FORMATS[ending]
    body = write(scored_cases.EXPORT_COLUMNS, scored_cases.exported(found))
    name = slugify(f"{found.run.model_version}-{found.run.eval_set}-{found.key}") or "scores"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


@require_GET
@role_required("lead", "admin")
def export_lm_eval(request: HttpRequest, run_id: UUID, part: str) -> HttpResponseBase:
    """As lm-evaluation-harness names and writes its two files."""
    run = get_run(run_id)
    if part not in ("results", "samples"):
        raise Http404("There is no such export.")
    stamp = f"{run.finished_at or run.created_at:%Y-%m-%dT%H-%M-%S}"
    if part == "results":
        name, body, content_type = f"results_{stamp}.json", iter([lm_eval.results(run)]), "application/json"
    else:
        name, body = f"samples_{lm_eval.task_name(run)}_{stamp}.jsonl", lm_eval.samples(run)
        content_type = "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)
