"""Decisions: signed by a lead, frozen with all they rest on, read by anybody who leads. For leads and admins."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.decisions import SignForm
from experiments.models import Decision, EvidenceSnapshot, Experiment
from experiments.reports.dashboard.markdown import markdown
from experiments.reports.dashboard.page import DashboardPage, dashboard_page, decisions_of
from experiments.reports.dashboard.signed import SignedPage, as_json, pretty
from experiments.reports.evidence.freshness import has_moved
from experiments.services import decisions as work
from experiments.services import evidence
from experiments.services.code_version import code_version

PAGE_LENGTH = 25
CONFLICT, UNPROCESSABLE = 409, 422


def get_experiment(experiment_id: int) -> Experiment:
    rows = Experiment.objects.select_related("baseline", "candidate", "snapshot")
    return get_object_or_404(rows, pk=experiment_id)


@require_safe
@role_required("lead", "admin")
def decisions(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = get_experiment(experiment_id)
    page = Paginator(decisions_of(found), PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {"experiment": found, "page": page, "may_sign": request.user.has_role("lead")}
    return render(request, "experiments/decisions/decisions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead")
def sign_decision(request: HttpRequest, experiment_id: int) -> HttpResponse:
    page = dashboard_page(get_experiment(experiment_id), job_key="")
    if page.snapshot is None or page.policy is None:
        messages.warning(request, "There is no verdict to sign yet.")
        return redirect("experiment", experiment_id)
    if request.method == "POST":
        return signed(request, page, seen=seen_on(page))
    if not page.may_be_signed:
        messages.warning(
            request, "The evidence is being held against the newest policy. Sign when its verdict is here."
        )
        return redirect("experiment", experiment_id)
    form = SignForm(computed=page.snapshot.verdict, initial=seen_on(page))
    return sign_page(request, page, form, standing=standing(request, page.snapshot))


def standing(request: HttpRequest, snapshot: EvidenceSnapshot) -> str:
    """Whether what the lead reads can be signed; asked for apart, since it reads all that the evidence rests on."""
    if request.GET.get("check") != "yes":
        return ""
    if request.GET.get("seen", snapshot.sha256) != snapshot.sha256:
        return "renewed"
    return "stale" if has_moved(snapshot) else "stands"


def seen_on(page: DashboardPage) -> dict[str, str]:
    """What a signature is about, as the page shows it now."""
    snapshot, policy = page.snapshot, page.policy
    verdict = snapshot.verdict if snapshot else ""
    return {
        "evidence": snapshot.sha256 if snapshot else "",
        "policy": policy.sha256 if policy else "",
        "computed": verdict,
        "verdict": verdict,
    }


def signed(request: HttpRequest, page: DashboardPage, *, seen: dict[str, str]) -> HttpResponse:
    form = SignForm(request.POST, computed=seen["computed"])
    if not form.is_valid():
        return sign_page(request, page, form, status=UNPROCESSABLE)
    said = form.cleaned_data
    try:
        made = work.sign(
            experiment=page.experiment,
            token=said["token"],
            evidence_sha256=said["evidence"],
            policy_sha256=said["policy"],
            verdict=said["verdict"],
            override_reason=said["override_reason"],
            comment=said["comment"],
            signed_by=request.user,
            now=timezone.now(),
        )
    except (work.EvidenceMoved, work.SignedOtherwise) as refusal:
        is_stale = isinstance(refusal, work.EvidenceStale)
        if is_stale:
            evidence.ask(experiment=page.experiment, created_by=request.user, now=timezone.now())
        again = SignForm({**request.POST.dict(), **renewed(seen)}, computed=seen["computed"])
        told = {"moved": str(refusal), "before": said["computed"], "is_stale": is_stale}
        return sign_page(request, page, again, status=CONFLICT, **told)
    except work.CannotSign as refusal:
        form.add_error(None, str(refusal))
        return sign_page(request, page, form, status=UNPROCESSABLE)
    return redirect("decision", made.pk)


def renewed(seen: dict[str, str]) -> dict[str, str]:
    """Another form, about what stands now; the words of the lead are kept, the verdict too."""
    return {**{name: seen[name] for name in ("evidence", "policy", "computed")}, "token": str(uuid4())}


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
        "code_version": code_version(),
        "seen": request.GET.get("seen") or (page.snapshot.sha256 if page.snapshot else ""),
        **more,
    }
    return render(request, "experiments/decisions/sign.html", context, partial="standing", status=status)


def get_decision(decision_id: UUID) -> Decision:
    rows = Decision.objects.select_related("experiment__baseline", "experiment__candidate", "policy", "signed_by")
    return get_object_or_404(rows, pk=decision_id)


def page_of(found: Decision) -> dict[str, Any]:
    """The frozen bytes are decided on once more each time somebody looks."""
    newest = decisions_of(found.experiment).first() or found
    return {
        "experiment": found.experiment,
        "decision": found,
        "page": SignedPage(found, newest),
        "check": work.recompute(found),
    }


@require_safe
@role_required("lead", "admin")
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    return render(request, "experiments/decisions/decision.html", page_of(get_decision(decision_id)))


@require_safe
@role_required("lead", "admin")
def decision_report(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    return render(request, "experiments/decisions/report.html", page_of(get_decision(decision_id)))


@require_safe
@role_required("lead", "admin")
def export_decision(request: HttpRequest, decision_id: UUID, ending: str) -> HttpResponse:
    """The printed report as JSON or Markdown."""
    found = get_decision(decision_id)
    match ending:
        case "json":
            response = HttpResponse(as_json(found), content_type="application/json")
        case "md":
            response = HttpResponse(markdown(found.report), content_type="text/markdown; charset=utf-8")
        case _:
            raise Http404("A decision is exported as json or md.")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="decision-{found.experiment_id}-{found.number}.{ending}"'
    )
    return response
