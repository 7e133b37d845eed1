"""Decisions: signed by a lead, frozen with all they rest on, read by anybody who leads. For leads and admins."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.decisions import SignForm
from experiments.models import Decision, Experiment
from experiments.reports.dashboard.page import DashboardPage, dashboard_page, decisions_of
from experiments.reports.dashboard.signed import SignedPage, pretty
from experiments.services import evidence

PAGE_LENGTH = 25


def get_experiment(experiment_id: int) -> Experiment:
    rows = Experiment.objects.select_related("baseline", "candidate", "snapshot")
    return get_object_or_404(rows, pk=experiment_id)


@require_safe
@role_required("lead", "admin")
def decisions(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = get_experiment(experiment_id)
    page = Paginator(decisions_of(found), PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "experiment": found,
        "page": page,
        "policy_url": f"{reverse('experiment', args=[found.pk])}policy/",
        "may_sign": request.user.has_role("lead"),
    }
    return render(request, "experiments/decisions/decisions.html", context)


@require_safe
@role_required("lead")
def sign_decision(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = get_experiment(experiment_id)
    page = dashboard_page(found, job_key=evidence.job_key(found))
    if not page.may_be_signed or page.snapshot is None:
        return redirect("experiment", experiment_id)
    form = SignForm(computed=page.snapshot.verdict, initial={"evidence": page.snapshot.sha256})
    return sign_page(request, page, form)


def sign_page(
    request: HttpRequest, page: DashboardPage, form: SignForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "experiment": page.experiment,
        "page": page,
        "form": form,
        "number": page.numbers["decision"] + 1,
        "policy_text": pretty(page.policy.text) if page.policy else "",
        "evidence_text": pretty(page.snapshot.text) if page.snapshot else "",
        **more,
    }
    return render(request, "experiments/decisions/sign.html", context, status=status)


@require_safe
@role_required("lead", "admin")
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    rows = Decision.objects.select_related("experiment__baseline", "experiment__candidate", "policy", "signed_by")
    found = get_object_or_404(rows, pk=decision_id)
    newest = decisions_of(found.experiment)[0]
    context = {
        "experiment": found.experiment,
        "decision": found,
        "page": SignedPage(found, newest),
        "now": timezone.now(),
    }
    return render(request, "experiments/decisions/decision.html", context)
