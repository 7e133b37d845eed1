"""Endpoints: the list, and one with its key, its limits and what the last check said. For leads and admins."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import Job
from evalsite.platform.progress import progress_of
from experiments.forms.endpoints import CheckForm, EndpointForm, KeyForm, initial_of
from experiments.models import Endpoint
from experiments.reports import model_pages
from experiments.services import endpoint_checks, keys
from experiments.services import endpoints as work


def get_endpoint(endpoint_id: int) -> Endpoint:
    return get_object_or_404(Endpoint.objects.select_related("state", "created_by"), pk=endpoint_id)


@require_safe
@role_required("lead", "admin")
def endpoints(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    rows = [(each, model_pages.condition(each, now=now)) for each in model_pages.endpoints_listed()]
    return render(request, "experiments/endpoints/endpoints.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_endpoint(request: HttpRequest) -> HttpResponse:
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = work.create(
                token=form.cleaned_data["token"], draft=form.draft(), created_by=request.user, now=timezone.now()
            )
        except work.NotPossible as error:
            form.refuse(error)
        else:
            return redirect("endpoint", made.pk)
    status = 422 if form.errors else 200
    return render(request, "experiments/endpoints/endpoint_form.html", {"form": form}, status=status)


@require_safe
@role_required("lead", "admin")
def endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    context = page_of(endpoint_id, key_form=KeyForm(), check_form=CheckForm())
    return render(request, "experiments/endpoints/endpoint.html", context, partial="check")


def page_of(endpoint_id: int, *, key_form: KeyForm, check_form: CheckForm) -> dict[str, Any]:
    """The job is read before what it writes: a check that ends between the two is shown, not lost."""
    now = timezone.now()
    job = Job.objects.filter(key=endpoint_checks.job_key(endpoint_id)).order_by("-created_at").first()
    found = get_endpoint(endpoint_id)
    state = model_pages.state_of(found)
    return {
        "endpoint": found,
        "state": state,
        "condition": model_pages.condition(found, now=now),
        "checked": (state and state.check_findings) or {},
        "progress": progress_of(job, now=now) if job and (job.is_live or job.error) else None,
        "versions": found.model_versions.order_by("-created_at")[:20],
        "known_models": model_pages.known_models([found]),
        "key_form": key_form,
        "check_form": check_form,
        "sends_key_openly": found.base_url.lower().startswith("http://"),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def edit_endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    found = get_endpoint(endpoint_id)
    data = request.POST if request.method == "POST" else None
    form = EndpointForm(data, initial=initial_of(found), endpoint=found)
    if request.method == "POST" and form.is_valid():
        try:
            erased = work.change(
                endpoint=found,
                draft=form.draft(),
                same_models=bool(form.cleaned_data.get("same_models")),
                changed_by=request.user,
                now=timezone.now(),
            )
        except work.NotPossible as error:
            form.refuse(error)
        else:
            if erased:
                messages.warning(request, "The key was erased, because it was given for another origin. Enter it anew.")
            return redirect("endpoint", found.pk)
    context = {"form": form, "endpoint": found}
    return render(request, "experiments/endpoints/endpoint_form.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters("key")
@require_POST
@role_required("lead", "admin")
def set_endpoint_key(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    found = get_endpoint(endpoint_id)
    form = KeyForm(request.POST)
    if form.is_valid():
        try:
            keys.set_key(endpoint=found, key=form.cleaned_data["key"], actor=request.user, now=timezone.now())
        except keys.NoFieldKeys as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The key is stored, encrypted. Nobody can read it here; it can only be replaced.")
            return redirect("endpoint", endpoint_id)
    context = page_of(endpoint_id, key_form=form, check_form=CheckForm())
    return render(request, "experiments/endpoints/endpoint.html", context, status=422)


@require_POST
@role_required("lead", "admin")
def remove_endpoint_key(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    keys.remove_key(endpoint=get_endpoint(endpoint_id), actor=request.user, now=timezone.now())
    messages.success(request, "The key is erased. Revoke it at its provider too if it is not needed any more.")
    return redirect("endpoint", endpoint_id)


@require_POST
@role_required("lead", "admin")
def check_endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """A second click joins the check under way."""
    found = get_endpoint(endpoint_id)
    form = CheckForm(request.POST)
    if not form.is_valid():
        context = page_of(endpoint_id, key_form=KeyForm(), check_form=form)
        return render(request, "experiments/endpoints/endpoint.html", context, status=422)
    endpoint_checks.request_check(
        endpoint=found, model=form.cleaned_data["model"], requested_by=request.user, now=timezone.now()
    )
    return redirect("endpoint", endpoint_id)


@require_POST
@role_required("lead", "admin")
def archive_endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    try:
        work.archive(endpoint=get_endpoint(endpoint_id), actor=request.user, now=timezone.now())
    except work.NotPossible as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The endpoint is archived and its key erased. What was measured on it stays.")
    return redirect("endpoint", endpoint_id)


@require_POST
@role_required("lead", "admin")
def restore_endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    work.restore(endpoint=get_endpoint(endpoint_id), actor=request.user, now=timezone.now())
    messages.success(request, "The endpoint can be used again. Its key was erased; enter it anew where one is needed.")
    return redirect("endpoint", endpoint_id)
