"""A live test being planned: filled in, sized while it is filled in, kept as a draft. For leads and admins."""

import secrets
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from evalsite.platform.http import HttpRequest, render, role_required, wants_part
from experiments.forms.live_metrics import BLANK, kept, metric_forms, one_more, typed
from experiments.forms.live_metrics import tell as tell_metric
from experiments.forms.live_tests import LiveTestForm, initial_of
from experiments.live_plan import PRESETS, Plan, PlanRefused, days_for
from experiments.models import LivePlan, LiveTest
from experiments.reports.live_plans import running_traffic, traffic_of
from experiments.reports.size_chart import SizeChart, size_chart
from experiments.services.live_tests import drafting
from experiments.services.live_tests.drafting import TestRefused

SALT_BYTES = 8
FIRST_METRIC = {"role": "primary", **PRESETS["completion"][1]}


@dataclass(frozen=True)
class Filled:
    """What stands on the page: the form, its metrics, and the plan they make where they make one."""

    form: LiveTestForm
    metrics: Any
    plan: Plan | None = None

    @property
    def chart(self) -> SizeChart | None:
        return size_chart(self.plan) if self.plan else None

    @property
    def has_errors(self) -> bool:
        return self.form.is_bound and bool(self.form.errors or self.metrics.total_error_count())


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_live_test(request: HttpRequest) -> HttpResponse:
    """`copy` in the address begins with another test's plan, `experiment` with its arms."""
    if request.method != "POST":
        return form_page(request, begun(request), None)
    return answered(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def edit_live_test(request: HttpRequest, key: str) -> HttpResponse:
    live_test = get_object_or_404(LiveTest.objects.select_related("experiment", "control", "treatment"), key=key)
    if live_test.status != LiveTest.Status.DRAFT:
        return redirect("live_test_plan", key)
    if request.method != "POST":
        draft = live_test.draft
        page = filled(initial_of(live_test, draft), draft.get("metrics", []))
        return form_page(request, replace(page, plan=sized(live_test)), live_test)
    return answered(request, live_test)


def sized(live_test: LiveTest) -> Plan | None:
    """The draft as it is kept; None where its arms do not fit the experiment any more."""
    try:
        return drafting.plan_of_draft(live_test)
    except PlanRefused:
        return None


def begun(request: HttpRequest) -> Filled:
    initial: dict[str, Any] = {"salt": secrets.token_hex(SALT_BYTES), "experiment": request.GET.get("experiment")}
    copied = LiveTest.objects.filter(key=request.GET.get("copy", "")).first()
    if copied is None:
        return filled(initial, [FIRST_METRIC])
    row = LivePlan.objects.filter(live_test=copied).first()
    draft = row.body if row else copied.draft
    again = {"salt": initial["salt"], "key": "", "name": f"{copied.name}, again"[:200]}
    if traffic := traffic_of(copied, now=timezone.now()):
        # Its days follow from the traffic that was met, not from the one that was hoped for.
        again |= {"units_per_day": max(1, round(traffic.per_day)), "days": None}
    return filled(initial_of(copied, draft) | again, draft.get("metrics", []))


def filled(initial: dict[str, Any], metrics: list[dict[str, Any]]) -> Filled:
    return Filled(LiveTestForm(initial=initial), metric_forms(metrics=metrics))


def answered(request: HttpRequest, live_test: LiveTest | None) -> HttpResponse:
    """One of three buttons: another metric, the size only, or keep the draft."""
    if "add_metric" in request.POST:
        form = LiveTestForm(initial=typed(LiveTestForm(request.POST)))
        return form_page(request, Filled(form, one_more(request.POST, request.POST.get("preset", BLANK))), live_test)
    page = read(request.POST, live_test)
    if "size" in request.POST or page.plan is None:
        return form_page(request, page, live_test)
    try:
        made = keep(request, page, live_test)
    except TestRefused as refusal:
        page.form.add_error("key", str(refusal))
        return form_page(request, page, live_test)
    except PlanRefused as refusal:
        tell(page, refusal)
        return form_page(request, page, live_test)
    return redirect("live_test", made.key)


def read(data: Any, live_test: LiveTest | None) -> Filled:
    """The plan, or the reason beside each field why there is none."""
    page = Filled(LiveTestForm(data), metric_forms(data))
    if not page.form.is_valid() or not page.metrics.is_valid():
        return page
    said = page.form.cleaned_data
    wanted = LiveTest(**arms_of(page.form), draft=draft_of(page))
    try:
        plan = drafting.plan_of_draft(wanted)
        if not said.get("days"):
            wanted.draft["days"] = min(730, days_for(plan, said["units_per_day"]))
            plan = drafting.plan_of_draft(wanted)
    except PlanRefused as refusal:
        tell(page, refusal)
        return page
    return Filled(page.form, page.metrics, plan)


def arms_of(form: LiveTestForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("name", "key", "control", "treatment", "experiment")}


def draft_of(page: Filled) -> dict[str, Any]:
    return page.form.raw() | {"metrics": [form.raw() for form in kept(page.metrics)]}


def tell(page: Filled, refusal: PlanRefused) -> None:
    for problem in refusal.problems:
        if not tell_metric(page.metrics, problem):
            page.form.tell(problem)


def keep(request: HttpRequest, page: Filled, live_test: LiveTest | None) -> LiveTest:
    """A form that is sent twice makes one test; what was changed in between is taken over."""
    token, now = page.form.cleaned_data["token"] or uuid4(), timezone.now()
    said = arms_of(page.form) | {"draft": drafting.draft_of(page.plan) if page.plan else {}}
    made = live_test or LiveTest.objects.filter(token=token).first()
    if made is not None:
        return drafting.change(live_test=made, changed_by=request.user, now=now, **said)
    return drafting.create(token=token, created_by=request.user, now=now, **said)


def form_page(request: HttpRequest, page: Filled, live_test: LiveTest | None) -> HttpResponse:
    context = {
        "live_test": live_test,
        "form": page.form,
        "metrics": page.metrics,
        "plan": page.plan,
        "has_errors": page.has_errors,
        "chart": page.chart,
        "traffic": running_traffic(now=timezone.now()) if not page.form.is_bound else [],
        "presets": [(name, words) for name, (words, _) in PRESETS.items()],
    }
    # Asked for the size alone, a plan that is not finished yet is no mistake.
    status = 422 if page.has_errors and not wants_part(request) else 200
    return render(request, "experiments/live_tests/form.html", context, status=status)
