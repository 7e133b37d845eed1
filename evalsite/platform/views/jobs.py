"""Background work: what runs, what failed, again or stop. For leads and admins."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from evalsite.platform import audit
from evalsite.platform import jobs as work
from evalsite.platform.forms import JobFilter
from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import Job, Sweep
from evalsite.platform.progress import progress_of

PAGE_LENGTH = 50


@require_safe
@role_required("lead", "admin")
def jobs(request: HttpRequest) -> HttpResponse:
    form = JobFilter(request.GET)
    found = Job.objects.select_related("created_by").order_by("-created_at")
    if form.is_valid() and form.cleaned_data["status"]:
        found = found.filter(status=form.cleaned_data["status"])
    if form.is_valid() and form.cleaned_data["kind"]:
        found = found.filter(kind__icontains=form.cleaned_data["kind"].replace(" ", "_"))
    context = {
        "page": Paginator(found, PAGE_LENGTH).get_page(request.GET.get("page")),
        "form": form,
        "filtered": bool(request.GET.get("status") or request.GET.get("kind")),
        "workers_alive": Sweep.objects.workers_alive(now=timezone.now()),
    }
    return render(request, "platform/jobs.html", context)


@require_safe
@role_required("lead", "admin")
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    row = get_object_or_404(Job.objects.select_related("created_by"), pk=job_id)
    context = {"job": row, "progress": progress_of(row, now=timezone.now())}
    return render(request, "platform/job.html", context, partial="state")


@require_POST
@role_required("lead", "admin")
def retry_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    row = get_object_or_404(Job, pk=job_id)
    with transaction.atomic():
        retried = work.retry(job=row)
        if retried:
            note_act(request, "job.retried", row)
    if not retried:
        messages.warning(request, "Nothing to do: this work is under way or done, here or in a newer job.")
    return redirect("job", job_id)


@require_POST
@role_required("lead", "admin")
def cancel_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    row = get_object_or_404(Job, pk=job_id)
    if not row.is_live:
        messages.warning(request, "This job is over already.")
        return redirect("job", job_id)
    with transaction.atomic():
        work.cancel(job=row, now=timezone.now())
        note_act(request, "job.cancelled", row)
    messages.info(request, "A waiting job stops at once, a running one at its next sign of life.")
    return redirect("job", job_id)


def note_act(request: HttpRequest, action: str, row: Job) -> None:
    audit.record(
        actor=request.user, action=action, subject=f"job {row.pk}", details={"kind": row.kind}, now=timezone.now()
    )
