"""Imports of files of every kind: upload, dry run, import. For leads and admins."""

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
from experiments.forms.import_kinds import FORMS
from experiments.forms.imports import ImportOptionsForm, NewImportForm
from experiments.models import FileImport, ImportProblem
from experiments.reports.exports.spreadsheets import neutralised
from experiments.reports.imports import STATES, ImportFilter
from experiments.services import imports as work
from experiments.services import uploads
from experiments.services.file_imports.registry import shape_of
from experiments.services.file_imports.shapes import Options

PAGE_LENGTH = 50


@require_safe
@role_required("lead", "admin")
def imports(request: HttpRequest) -> HttpResponse:
    wanted = ImportFilter.from_query(request.GET.dict())
    found = wanted.apply(FileImport.objects.listed())
    context = {
        "page": Paginator(found, PAGE_LENGTH).get_page(request.GET.get("page")),
        "wanted": wanted,
        "kinds": FileImport.Kind.choices,
        "states": STATES.items(),
        "has_any": FileImport.objects.exists,
    }
    return render(request, "experiments/imports/imports.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_import(request: HttpRequest) -> HttpResponse:
    """What the file holds is chosen first (`?kind=`); links here may fill in the rest (`?eval_set=`, …)."""
    kind = (request.POST if request.method == "POST" else request.GET).get("kind", "")
    kind = kind if kind in FORMS else FileImport.Kind.PAIRS.value
    if request.method == "POST":
        form = FORMS[kind].start_form(request.POST, request.FILES)
        if begun := begun_by(request, form, kind):
            return redirect("file_import", begun.pk)
    else:
        given = {name: value for name, value in request.GET.dict().items() if name != "token"}
        form = FORMS[kind].start_form(initial={**given, "kind": kind})
    context = {"form": form, "kind": kind, "kinds": FORMS, "needs": template_of(kind, "needs")}
    status = 413 if hasattr(request, "upload_refusal") else 422 if form.errors else 200
    return render(request, "experiments/imports/new_import.html", context, status=status)


def begun_by(request: HttpRequest, form: NewImportForm, kind: str) -> FileImport | None:
    """None where the form says what is wrong."""
    if too_large := getattr(request, "upload_refusal", ""):
        form.errors.pop("file", None)
        form.add_error("file", too_large)
    if not form.is_valid():
        return None
    try:
        return begin(request, form, kind)
    except uploads.UploadRefused as refusal:
        form.add_error("file", str(refusal))
        return None


def template_of(kind: str, part: str) -> str:
    return f"experiments/imports/{kind}/{part}.html"


def begin(request: HttpRequest, form: NewImportForm, kind: str) -> FileImport:
    """A form that is sent twice makes one import: its token is the import's id."""
    chosen = form.cleaned_data
    earlier = FileImport.objects.filter(pk=chosen["token"]).first()
    if earlier:
        return earlier
    now = timezone.now()
    try:
        with transaction.atomic():
            person, given = request.user, form.given_files()
            stored = [uploads.store(file=file, filename=file.name, created_by=person, now=now) for file in given]
            return work.begin(
                import_id=chosen["token"],
                upload=stored[0],
                second_upload=stored[1] if len(stored) > 1 else None,
                options=form.options(),
                kind=kind,
                created_by=request.user,
                now=now,
            )
    except IntegrityError:
        # The other copy of this form was a moment faster.
        return get_import(chosen["token"])


def get_import(import_id: UUID) -> FileImport:
    rows = FileImport.objects.with_what_it_made().select_related("second_upload", "job", "created_by")
    return get_object_or_404(rows, pk=import_id)


@require_safe
@role_required("lead", "admin")
def file_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    found = get_import(import_id)
    return render(request, "experiments/imports/file_import.html", page_of(request, found), partial="state")


def page_of(request: HttpRequest, found: FileImport, form: ImportOptionsForm | None = None) -> dict[str, Any]:
    shape = shape_of(found)
    form = form or FORMS[found.kind].options_form(file_import=found, options=shape.prefilled(found))
    problems = found.problems.order_by("id")
    shown = request.GET.get("show", "")
    if shown in ImportProblem.Severity.values:
        problems = problems.filter(severity=shown)
    findings = found.findings or {}
    return {
        "file_import": found,
        "progress": progress_of(found.job, now=timezone.now()) if found.job else None,
        "form": form,
        "noun": shape.noun,
        "parts": {part: template_of(found.kind, part) for part in ("facts", "preview", "made")},
        "findings": findings,
        "checked": findings.get("checked"),
        "missing": [form.label_of(name) for name in findings.get("missing", [])],
        "is_ready": work.is_ready(found),
        "earlier": work.stood_back_for(found),
        "same_bytes": FileImport.objects.done_with_same_bytes(found).with_what_it_made()[:3],
        "problems": Paginator(problems, PAGE_LENGTH).get_page(request.GET.get("page")),
        "shown": shown,
        "n_stored": found.problems.count(),
    }


def options_form(request: HttpRequest, found: FileImport, *, names_needed: bool = True) -> ImportOptionsForm:
    return FORMS[found.kind].options_form(
        request.POST, file_import=found, options=shape_of(found).options_of(found), names_needed=names_needed
    )


@require_POST
@role_required("lead", "admin")
def check_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Read the file again under the columns and names now chosen."""
    found = get_import(import_id)
    form = options_form(request, found, names_needed=False)
    if not form.is_valid():
        return render(request, "experiments/imports/file_import.html", page_of(request, found, form), status=422)
    try:
        work.start_check(file_import=found, options=form.options(), actor=request.user, now=timezone.now())
    except work.ImportRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("file_import", import_id)


@require_POST
@role_required("lead", "admin")
def commit_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    found = get_import(import_id)
    form = options_form(request, found)
    if form.is_valid():
        try:
            return start_commit(request, found, form.options())
        except work.ImportRefused as refusal:
            form.add_error(None, str(refusal))
    return render(request, "experiments/imports/file_import.html", page_of(request, found, form), status=422)


def start_commit(request: HttpRequest, found: FileImport, options: Options) -> HttpResponse:
    """Columns changed without a new dry run get one first."""
    now = timezone.now()
    if found.status == FileImport.Status.CHECKED and work.columns_changed(found, options):
        work.start_check(file_import=found, options=options, actor=request.user, now=now)
        messages.info(request, "The columns were changed, so the file is checked again before it is imported.")
        return redirect("file_import", found.pk)
    started = work.start_commit(file_import=found, options=options, actor=request.user, now=now)
    if started.pk != found.pk:
        messages.info(request, "These bytes were imported before under the same options. Nothing new was made.")
    return redirect("file_import", started.pk)


@require_POST
@role_required("lead", "admin")
def discard_import(request: HttpRequest, import_id: UUID) -> HttpResponse:
    found = get_import(import_id)
    try:
        work.discard(file_import=found, actor=request.user, now=timezone.now())
    except work.ImportRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("file_import", import_id)
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


def problem_lines(found: FileImport) -> Iterator[str]:
    writer = csv.writer(Line())
    yield writer.writerow(["severity", "file", "row", "column", "kind", "reason"])
    for problem in found.problems.order_by("id").iterator(chunk_size=2000):
        cells = [problem.severity, problem.file, problem.row, problem.column, problem.kind, problem.reason]
        yield writer.writerow([neutralised(cell) for cell in cells])
