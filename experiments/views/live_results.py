"""One live test with its result, and the rows behind the numbers. For leads and admins."""

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from evalsite.platform.http import HttpRequest, render, role_required, wants_part
from experiments.models import LiveResult, LiveTest
from experiments.reports.live_page import refused, units
from experiments.reports.live_page.page import result_page, stamp
from experiments.reports.live_plans import metrics_in_force, plan_body, plan_page

METRICS_BESIDE_UNITS = 4
WATCHED = "confidence_sequence"


def get_live_test(key: str) -> LiveTest:
    related = ("experiment", "control", "treatment", "created_by", "plan", "result")
    return get_object_or_404(LiveTest.objects.select_related(*related), key=key)


def result_of(live_test: LiveTest) -> LiveResult | None:
    found: LiveResult | None = getattr(live_test, "result", None)
    return found


@require_safe
@role_required("lead", "admin")
def live_test(request: HttpRequest, key: str) -> HttpResponse:
    """While the test runs the page asks again; where nothing is new it is told so, without a body."""
    found = get_live_test(key)
    result = result_of(found)
    now_seen, seen = stamp(found, result), request.GET.get("seen", "")
    if wants_part(request) and seen == now_seen:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    if wants_part(request) and not seen.startswith(found.status):
        # Started or stopped meanwhile: then the steps around the result are others too.
        return HttpResponseClientRefresh()
    context: dict[str, Any] = {
        "live_test": found,
        "plan_page": plan_page(found),
        "page": result_page(result, metric=request.GET.get("metric", "")) if result else None,
        "result": result,
        "stamp": now_seen,
        "metric": request.GET.get("metric", ""),
        "events": sample_events(found),
        "origin": f"{request.scheme}://{request.get_host()}",
    }
    return render(request, "experiments/live_tests/live_test.html", context, partial="state")


def sample_events(live_test: LiveTest) -> list[str]:
    """Names of the events that the plan reads, each once."""
    return list(dict.fromkeys(metric.get("event", "") for metric in metrics_in_force(live_test)))


@require_safe
@role_required("lead", "admin")
def export_live_result(request: HttpRequest, key: str) -> HttpResponse:
    """The result as the API gives it."""
    result = result_of(get_live_test(key))
    if result is None:
        raise Http404("Nothing was computed yet.")
    response = JsonResponse(result.payload, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{key}.json"'
    return response


@require_safe
@role_required("lead", "admin")
def refused_events(request: HttpRequest) -> HttpResponse:
    """Those that named no test we know."""
    return refused_page(request, None)


@require_safe
@role_required("lead", "admin")
def live_test_refused(request: HttpRequest, key: str) -> HttpResponse:
    return refused_page(request, get_live_test(key))


def refused_page(request: HttpRequest, live_test: LiveTest | None) -> HttpResponse:
    wanted = refused.Wanted.from_query(request.GET.dict())
    found = refused.refused_list(live_test, wanted=wanted, page=request.GET.get("page"))
    return render(request, "experiments/live_tests/refused.html", {"live_test": live_test, "found": found})


@require_safe
@role_required("lead", "admin")
def live_test_conflicts(request: HttpRequest, key: str) -> HttpResponse:
    found = get_live_test(key)
    page, rows = units.conflict_page(found, request.GET.get("page"))
    return render(request, "experiments/live_tests/both_arms.html", {"live_test": found, "page": page, "rows": rows})


def is_hidden(live_test: LiveTest) -> bool:
    """Sums beside arms could be counted by hand: they are shown when the direction is."""
    result = result_of(live_test)
    watched = plan_body(live_test).get("method", WATCHED) == WATCHED
    if result is None:
        return not watched
    return bool(result.payload.get("hidden") or result.payload.get("units_hidden", not watched))


def shown_metrics(live_test: LiveTest) -> list[dict[str, Any]]:
    return [] if is_hidden(live_test) else metrics_in_force(live_test)


@require_safe
@role_required("lead", "admin")
def live_test_units(request: HttpRequest, key: str) -> HttpResponse:
    live_test = get_live_test(key)
    context = {
        "live_test": live_test,
        "found": units.unit_list(live_test, wanted=units.Wanted.from_query(request.GET.dict())),
        "metrics": shown_metrics(live_test)[:METRICS_BESIDE_UNITS],
        "is_hidden": is_hidden(live_test),
    }
    return render(request, "experiments/live_tests/units.html", context)


@require_safe
@role_required("lead", "admin")
def live_test_unit(request: HttpRequest, key: str) -> HttpResponse:
    """`id` in the address, because a unit's id may hold anything."""
    live_test = get_live_test(key)
    place = units.Place.from_query(request.GET.get("before", ""))
    page = units.unit_page(live_test, request.GET.get("id", ""), place=place)
    if page is None:
        raise Http404("This test has met no such unit.")
    context = {
        "live_test": live_test,
        "row": page.row,
        "page": page,
        "metrics": shown_metrics(live_test),
        "is_hidden": is_hidden(live_test),
    }
    return render(request, "experiments/live_tests/unit.html", context)
