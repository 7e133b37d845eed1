"""Models under test: every version, imported or called, and making the next one. For leads and admins."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.model_versions import VersionForm, initial_from
from experiments.models import Endpoint, ModelVersion
from experiments.reports import model_pages
from experiments.services import model_versions as work

PAGE_LENGTH = 25


@require_safe
@role_required("lead", "admin")
def models(request: HttpRequest) -> HttpResponse:
    chosen = {name: request.GET.get(name, "").strip() for name in ("search", "source", "endpoint")}
    found = ModelVersion.objects.select_related("endpoint").order_by("-created_at", "-pk")
    if chosen["search"]:
        found = found.filter(name__icontains=chosen["search"].replace("\0", ""))
    if chosen["source"] in ModelVersion.Source.values:
        found = found.filter(source=chosen["source"])
    if (endpoint := number(chosen["endpoint"])) is not None:
        found = found.filter(endpoint=endpoint)
    page = Paginator(found, PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": model_pages.version_rows(list(page.object_list)),
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "sources": ModelVersion.Source.choices,
        "endpoints": Endpoint.objects.order_by("name"),
    }
    return render(request, "experiments/models/models.html", context)


@require_safe
@role_required("lead", "admin")
def model_version(request: HttpRequest, model_version_id: int) -> HttpResponse:
    found = get_object_or_404(ModelVersion.objects.select_related("endpoint"), pk=model_version_id)
    context = {
        "version": found,
        "prompt": model_pages.prompt_tag(found),
        "sampling": model_pages.sampling_of(found),
        "shown_json": model_pages.shown_json(found),
        "uses": model_pages.uses_of(found),
        "others": ModelVersion.objects.filter(name=found.name).exclude(pk=found.pk).order_by("-created_at")[:10],
    }
    return render(request, "experiments/models/model_version.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_model_version(request: HttpRequest) -> HttpResponse:
    form = VersionForm(request.POST if request.method == "POST" else None, initial=wished(request))
    if request.method == "POST" and form.is_valid():
        try:
            made, is_new = work.make(draft=form.draft(), created_by=request.user, now=timezone.now())
        except work.BadVersion as error:
            form.add_error(error.field_name if error.field_name in form.fields else None, str(error))
        else:
            if not is_new:
                messages.info(request, f"Version {made.version} is the same already: model, prompts and parameters.")
            return redirect("model_version", made.pk)
    callable_ones = Endpoint.objects.filter(archived_at=None).select_related("state")
    context = {
        "form": form,
        "any_endpoint": bool(callable_ones),
        "known_models": model_pages.known_models(callable_ones),
        "names": ModelVersion.objects.order_by("name").values_list("name", flat=True).distinct()[:200],
    }
    return render(request, "experiments/models/model_form.html", context, status=422 if form.errors else 200)


def wished(request: HttpRequest) -> dict[str, Any]:
    """What the link to the form says: a version to start from, or an endpoint and a model of it."""
    asked = request.GET
    if number(asked.get("from", "")) is not None:
        return initial_from(get_object_or_404(ModelVersion, pk=number(asked["from"])))
    model = asked.get("model", "")
    initial = {"endpoint": number(asked.get("endpoint", "")), "model": model, "name": model}
    return {name: value for name, value in initial.items() if value}


def number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else None
