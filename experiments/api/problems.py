"""What goes wrong, as JSON that a program can branch on and a person can read."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from experiments.live_plan import PlanRefused
from experiments.services.comparisons import CannotCompare
from experiments.services.file_imports.shapes import ImportRefused
from experiments.services.live_tests.drafting import OtherTest, TestRefused
from experiments.services.live_traffic.assigning import UnknownTest
from experiments.services.runs.starting import OtherRun, RunRefused
from experiments.services.scoring.choosing import ScorersRefused
from experiments.services.scoring.rescoring import CannotScore
from experiments.services.uploads import UploadRefused

CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
# Refused as asked: another body may do (422); refused as things stand: another moment may do (409).
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    ScorersRefused: (422, "scorers_refused"),
    ImportRefused: (422, "import_refused"),
    UnknownTest: (404, "unknown_test"),
    UploadRefused: (413, "upload_refused"),
    OtherRun: (409, "key_reused"),
    OtherTest: (409, "key_reused"),
    TestRefused: (409, "live_test_refused"),
    RunRefused: (409, "run_refused"),
    CannotScore: (409, "cannot_score"),
    CannotCompare: (409, "cannot_compare"),
}


class ApiProblem(Exception):
    """An answer other than success: status, a code that does not change, and words that may."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def answer(status: int, code: str, message: str, *, headers: dict[str, str] | None = None, **more: Any) -> HttpResponse:
    return JsonResponse({"code": code, "message": message, **more}, status=status, headers=headers)


def register(api: NinjaAPI) -> None:
    api.add_exception_handler(ApiProblem, api_problem)
    api.add_exception_handler(ValidationError, invalid)
    api.add_exception_handler(Http404, not_found)
    api.add_exception_handler(HttpError, http_error)
    api.add_exception_handler(PlanRefused, plan_refused)
    for kind in REFUSALS:
        api.add_exception_handler(kind, refusal)


def api_problem(request: HttpRequest, problem: Any) -> HttpResponse:
    return answer(problem.status, problem.code, problem.message, headers=problem.headers)


def refusal(request: HttpRequest, error: Any) -> HttpResponse:
    status, code = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
    return answer(status, code, str(error))


def invalid(request: HttpRequest, error: Any) -> HttpResponse:
    fields = [{"where": ".".join(map(str, one["loc"])), "reason": one["msg"]} for one in error.errors]
    first = f"{fields[0]['where']}: {fields[0]['reason']}" if fields else "The request does not fit."
    return answer(422, "invalid", first, fields=fields)


def plan_refused(request: HttpRequest, error: Any) -> HttpResponse:
    """Every problem by its field, as plan.metrics.0.q."""
    fields = [{"where": f"plan.{one.field}", "reason": one.reason} for one in error.problems]
    return answer(422, "plan_refused", f"{fields[0]['where']}: {fields[0]['reason']}", fields=fields)


def not_found(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(404, "not_found", "There is no such thing, or it was never there.")


def http_error(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(error.status_code, CODES.get(error.status_code, "refused"), str(error))
