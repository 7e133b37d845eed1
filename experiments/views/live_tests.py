"""Live tests beside their results: the list, the plan, and the steps of a test. For leads and admins."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.live_steps import step_form
from experiments.live_plan import PlanRefused
from experiments.models import Experiment, LiveTest
from experiments.reports.live.leaving import leaving
from experiments.reports.live_plans import LiveTestFilter, listed, listed_test, plan_page, traffic_of
from experiments.reports.size_chart import size_chart
from experiments.services.live_tests import drafting, stepping
from experiments.services.live_tests.drafting import TestRefused

PAGE_LENGTH = 25


@require_safe
@role_required("lead", "admin")
def live_tests(request: HttpRequest) -> HttpResponse:
    wanted = LiveTestFilter.from_query(request.GET.dict())
    page = Paginator(wanted.apply(listed()), PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [listed_test(live_test) for live_test in page],
        "wanted": wanted,
        "states": LiveTest.Status.choices,
        "experiments": Experiment.objects.filter(live_tests__isnull=False).distinct().order_by("name"),
    }
    return render(request, "experiments/live_tests/live_tests.html", context)


def get_live_test(key: str) -> LiveTest:
    return get_object_or_404(LiveTest.objects.select_related("experiment", "control", "treatment"), key=key)


@require_safe
@role_required("lead", "admin")
def live_test_plan(request: HttpRequest, key: str) -> HttpResponse:
    """The plan whole: every line of it, its size against effect and power, its hash."""
    found = get_live_test(key)
    page = plan_page(found)
    context = {
        "live_test": found,
        "plan_page": page,
        "chart": size_chart(page.plan),
        "traffic": traffic_of(found, now=timezone.now()),
    }
    return render(request, "experiments/live_tests/plan.html", context)


@require_safe
@role_required("lead", "admin")
def export_live_plan(request: HttpRequest, key: str) -> HttpResponse:
    """The bytes that were hashed."""
    page = plan_page(get_live_test(key))
    if page.row is None:
        raise Http404("This plan is not registered yet.")
    response = HttpResponse(page.plan.canonical(), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{key}.plan.json"'
    return response


@require_POST
@role_required("lead", "admin")
def discard_live_test(request: HttpRequest, key: str) -> HttpResponse:
    found = get_live_test(key)
    try:
        drafting.discard(live_test=found, discarded_by=request.user, now=timezone.now())
    except TestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("live_test", key)
    messages.success(request, f"The draft “{found.name}” is discarded.")
    return redirect("live_tests")


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def step_live_test(request: HttpRequest, key: str, step: str) -> HttpResponse:
    """Register, start, ramp, stop, open, note. The page of a step asks what must be said with it."""
    if step not in stepping.STEPS:
        raise Http404("There is no such step.")
    found = get_live_test(key)
    form = step_form(step, found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            words = take(request, found, step, form.cleaned_data)
        except (TestRefused, PlanRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, words)
            return redirect("live_test", key)
    page = plan_page(found)
    context = {"live_test": found, "plan_page": page, "form": form, "step": stepping.STEPS[step]}
    if step == "ramp":
        context["leaving"] = leaving(found, buckets=page.plan.routing.buckets)
    return render(request, "experiments/live_tests/step.html", context, status=422 if form.errors else 200)


def take(request: HttpRequest, live_test: LiveTest, step: str, said: dict[str, Any]) -> str:
    """Opening early is a lead's act; the service says so to an admin."""
    return stepping.take(
        live_test=live_test,
        step=step,
        token=said["token"],
        reason=said.get("reason", ""),
        split=said.get("split"),
        n_per_arm=said.get("n_per_arm"),
        days=said.get("days"),
        metric=said.get("metric"),
        actor=request.user,
        now=timezone.now(),
    )
