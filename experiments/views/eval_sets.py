"""Eval sets: the list, one version with its cases, what changed between versions, downloads. For leads and admins."""

from collections.abc import Iterator

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.eval_sets import UseSetForm
from experiments.models import EvalCase, EvalSet
from experiments.reports.eval_sets import downloads
from experiments.reports.eval_sets.cases import neighbours, page_of_cases, parts_of
from experiments.reports.eval_sets.changes import changes
from experiments.reports.eval_sets.listing import categories_of, list_sets
from experiments.reports.eval_sets.told import TRAINED_ON, told_of
from experiments.reports.eval_sets.warnings import warnings_of
from experiments.scorers.registry import SCORERS
from experiments.services import suites

RUNS_SHOWN = 20
FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


@require_safe
@role_required("lead", "admin")
def eval_sets(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("search", "").strip()
    page, rows = list_sets(search=search, page=request.GET.get("page"))
    return render(request, "experiments/eval_sets/eval_sets.html", {"page": page, "rows": rows, "search": search})


@require_safe
@role_required("lead", "admin")
def eval_set(request: HttpRequest, set_id: int) -> HttpResponse:
    found = get_set(set_id)
    return set_page(request, found, UseSetForm())


def get_set(set_id: int) -> EvalSet:
    return get_object_or_404(EvalSet.objects.select_related("created_by"), pk=set_id)


def set_page(request: HttpRequest, found: EvalSet, form: UseSetForm) -> HttpResponse:
    search, category = request.GET.get("search", "").strip(), request.GET.get("category")
    context = {
        "eval_set": found,
        "form": form,
        "search": search,
        "category": category,
        "categories": categories_of(found),
        "page": page_of_cases(found, search=search, category=category or None, page=request.GET.get("page")),
        "versions": versions_of(found),
        "suites": found.suites.select_related("experiment").order_by("-pk"),
        "runs": found.runs.select_related("model_version").order_by("-created_at")[:RUNS_SHOWN],
        "scorers": [(each, SCORERS.get(each["scorer"])) for each in found.scorers],
        "warnings": warnings_of(found),
        "has_overlaps": any(each["kind"] == TRAINED_ON for each in told_of(found)),
    }
    return render(request, "experiments/eval_sets/eval_set.html", context, status=422 if form.errors else 200)


def versions_of(found: EvalSet) -> QuerySet[EvalSet]:
    return EvalSet.objects.filter(name=found.name).select_related("created_by").order_by("-version")


@require_safe
@role_required("lead", "admin")
def eval_case(request: HttpRequest, set_id: int, case_id: int) -> HttpResponse:
    case = get_object_or_404(EvalCase.objects.select_related("eval_set"), pk=case_id, eval_set=set_id)
    before, after = neighbours(case)
    same = EvalCase.objects.filter(eval_set__name=case.eval_set.name, external_id=case.external_id).exclude(pk=case.pk)
    context = {
        "case": case,
        "eval_set": case.eval_set,
        "parts": parts_of(case),
        "before": before,
        "after": after,
        "others": same.select_related("eval_set").defer("prompt", "expected").order_by("-eval_set__version")[:20],
    }
    return render(request, "experiments/eval_sets/eval_case.html", context)


@require_safe
@role_required("lead", "admin")
def eval_set_changes(request: HttpRequest, set_id: int) -> HttpResponse:
    """Against `?since=`, else the version before."""
    new = get_set(set_id)
    others = [each for each in versions_of(new) if each.pk != new.pk]
    earlier = [each for each in others if each.version < new.version]
    chosen = [each for each in others if str(each.pk) == request.GET.get("since")]
    old = next(iter([*chosen, *earlier, *others]), None)
    if old is None:
        messages.info(request, f"{new} is the only version of this set, so there is nothing to compare it with.")
        return redirect("eval_set", set_id)
    found = changes(old, new, shown=request.GET.get("show", ""), page=request.GET.get("page"))
    context = {"eval_set": new, "changes": found, "page": found.page, "others": others}
    return render(request, "experiments/eval_sets/changes.html", context)


@require_safe
@role_required("lead", "admin")
def export_eval_set(request: HttpRequest, set_id: int) -> StreamingHttpResponse:
    found = get_set(set_id)
    return download(downloads.json_lines(found), found, "jsonl", "")


@require_safe
@role_required("lead", "admin")
def export_overlaps(request: HttpRequest, set_id: int) -> StreamingHttpResponse:
    found = get_set(set_id)
    return download(downloads.overlap_lines(found), found, "csv", "-in-training-file")


def download(body: Iterator[bytes] | Iterator[str], found: EvalSet, ending: str, what: str) -> StreamingHttpResponse:
    name = f"{slugify(found.name) or 'eval-set'}-v{found.version}{what}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(body, content_type=FORMATS[ending], headers=headers)


@require_POST
@role_required("lead", "admin")
def use_eval_set(request: HttpRequest, set_id: int) -> HttpResponse:
    found = get_set(set_id)
    form = UseSetForm(request.POST)
    if not form.is_valid():
        return set_page(request, found, form)
    said = form.cleaned_data
    suite = suites.use(
        experiment=said["experiment"],
        eval_set=found,
        role=said["role"],
        margin=said["margin"] / 100,
        margin_is_relative=bool(said["margin_is_relative"]),
        actor=request.user,
        now=timezone.now(),
    )
    messages.success(request, f"{found} is the {suite.role} set of {said['experiment']}.")
    return redirect("eval_set", set_id)
