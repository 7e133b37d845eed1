"""Imports of paired outputs: upload, dry run, import. For leads and admins."""

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.progress import progress_of
from experiments.forms.imports import COLUMNS, ImportOptionsForm, NewImportForm
from experiments.models import ImportProblem, PairImport
from experiments.services import imports as work
from experiments.services import uploads

PAGE_LENGTH = 50
SPREADSHEET_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@require_safe
@role_required("lead", "admin")
def imports(request: HttpRequest) -> HttpResponse:
    page = Paginator(PairImport.objects.listed(), PAGE_LENGTH).get_page(request.GET.get("page"))
    return render(request, "experiments/imports/imports.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_import(request: HttpRequest) -> HttpResponse:
    form = NewImportForm(request.POST, request.FILES) if request.method == "POST" else NewImportForm()
    if request.method == "POST" and form.is_valid():
        try:
            begun = begin(request, form.cleaned_data)
        except uploads.UploadRefused as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("pair_import", begun.pk)
    return render(request, "experiments/imports/new_import.html", {"form": form}, status=422 if form.errors else 200)


def begin(request: HttpRequest, chosen: dict[str, Any]) -> PairImport:
    """A form that is sent twice makes one import: its token is the import's id."""
    earlier = PairImport.objects.filter(pk=chosen["token"]).first()
    if earlier:
        return earlier
    now = timezone.now()
    try:
        with transaction.atomic():
            stored = [
                uploads.store(file=file, filename=file.name, created_by=request.user, now=now)
                for file in (chosen["file"], chosen["second_file"])
                if file
            ]
            return work.begin(
                import_id=chosen["token"],
                upload=stored[0],
                second_upload=stored[1] if len(stored) > 1 else None,
                options=work.Options(),
                created_by=request.user,
                now=now,
            )
    except IntegrityError:
        # The other copy of this form was a moment faster.
        return get_import(chosen["token"])


def get_import(import_id: UUID) -> PairImport:
    rows = PairImport.objects.select_related("upload", "second_upload", "experiment", "job", "created_by")
    return get_object_or_404(rows, pk=import_id)


@require_safe
@role_required("lead", "admin")
def pair_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    found = get_import(import_id)
    return render(request, "experiments/imports/pair_import.html", page_of(request, found), partial="state")


def page_of(request: HttpRequest, found: PairImport, form: ImportOptionsForm | None = None) -> dict[str, Any]:
    options = work.with_names_from_file(found, work.Options.of(found))
    problems = found.problems.order_by("id")
    shown = request.GET.get("show", "")
    if shown in ImportProblem.Severity.values:
        problems = problems.filter(severity=shown)
    findings = found.findings or {}
    return {
        "pair_import": found,
        "progress": progress_of(found.job, now=timezone.now()) if found.job else None,
        "form": form or ImportOptionsForm(pair_import=found, options=options),
        "findings": findings,
        "checked": findings.get("checked"),
        "missing": [COLUMNS[name][0].lower() for name in findings.get("missing", [])],
        "is_ready": work.is_ready(found),
        "same_bytes": PairImport.objects.done_with_same_bytes(found).select_related("experiment")[:3],
        "problems": Paginator(problems, PAGE_LENGTH).get_page(request.GET.get("page")),
        "shown": shown,
        "n_stored": found.problems.count(),
    }


@require_POST
@role_required("lead", "admin")
def check_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Read the file again under the columns and names now chosen."""
    found = get_import(import_id)
    form = ImportOptionsForm(request.POST, pair_import=found, options=work.Options.of(found), names_needed=False)
    if not form.is_valid():
        return render(request, "experiments/imports/pair_import.html", page_of(request, found, form), status=422)
    try:
        work.start_check(pair_import=found, options=form.options(), actor=request.user, now=timezone.now())
    except work.ImportRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("pair_import", import_id)


@require_POST
@role_required("lead", "admin")
def commit_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    found = get_import(import_id)
    form = ImportOptionsForm(request.POST, pair_import=found, options=work.Options.of(found))
    if form.is_valid():
        try:
            return start_commit(request, found, form.options())
        except work.ImportRefused as refusal:
            form.add_error(None, str(refusal))
    return render(request, "experiments/imports/pair_import.html", page_of(request, found, form), status=422)


def start_commit(request: HttpRequest, found: PairImport, options: work.Options) -> HttpResponse:
    """Columns changed without a new dry run get one first."""
    now = timezone.now()
    if found.status == PairImport.Status.CHECKED and work.columns_changed(found, options):
        work.start_check(pair_import=found, options=options, actor=request.user, now=now)
        messages.info(request, "The columns were changed, so the file is checked again before it is imported.")
        return redirect("pair_import", found.pk)
    started = work.start_commit(pair_import=found, options=options, actor=request.user, now=now)
    if started.pk != found.pk:
        messages.info(request, "These bytes were imported before under the same options. Nothing new was made.")
    return redirect("pair_import", started.pk)


@require_POST
@role_required("lead", "admin")
def discard_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    found = get_import(import_id)
    try:
        work.discard(pair_import=found, actor=request.user, now=timezone.now())
    except work.ImportRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("pair_import", import_id)
    messages.success(request, f"The import of {found.upload.filename} is discarded, its file is deleted.")
    return redirect("imports")


@require_safe
@role_required("lead", "admin")
def import_problems(request: HttpRequest, import_id: UUID) -> StreamingHttpResponse:
    """Everything that was found, as CSV."""
    found = get_import(import_id)
    response = StreamingHttpResponse(problem_lines(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="problems-{found.pk}.csv"'
    return response


class Line:
    """What csv.writer writes to; it hands back each line."""

    def write(self, line: str) -> str:
        return line


def problem_lines(found: PairImport) -> Iterator[str]:
    writer = csv.writer(Line())
    yield writer.writerow(["severity", "file", "row", "column", "kind", "reason"])
    for problem in found.problems.order_by("id").iterator(chunk_size=2000):
        cells = [problem.severity, problem.file, problem.row, problem.column, problem.kind, problem.reason]
        yield writer.writerow([harmless(cell) for cell in cells])


def harmless(cell: object) -> object:
    """A spreadsheet runs text that begins like a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(SPREADSHEET_FORMULA) else cell
