"""Runs: started, followed, paused, continued, cancelled, scored again; and their samples."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router
from ninja.errors import ValidationError
from ninja.params.functions import Query

from experiments.api import schemas, shaping
from experiments.api.eval_sets import KEY, PAGE, PER_PAGE
from experiments.api.repeating import once
from experiments.api.security import Needs, Scope, token_of
from experiments.models import BenchmarkRun, EvalSet, Experiment, ModelVersion
from experiments.reports import lm_eval
from experiments.reports.run_scores import error_counts
from experiments.services.runs import starting, stepping
from experiments.services.scoring import choosing, rescoring

router = Router(tags=["Runs"])
ROWS = BenchmarkRun.objects.select_related("model_version__endpoint", "eval_set", "job")


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SCORING = "scoring"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Step(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    END = "end"
    RETRY = "retry"


def get_run(run_id: UUID) -> BenchmarkRun:
    return get_object_or_404(ROWS, pk=run_id)


@router.get("/runs", auth=Needs(Scope.READ), response=schemas.PageOf[schemas.Run], summary="List runs")
def list_runs(
    request: HttpRequest,
    eval_set: int | None = Query(None, gt=0, lt=2**63),
    model_version: int | None = Query(None, gt=0, lt=2**63),
    status: Status | None = None,
    page: int = PAGE,
    per_page: int = PER_PAGE,
) -> dict[str, Any]:
    """Newest first."""
    asked = {"eval_set": eval_set, "model_version": model_version, "status": status.value if status else None}
    rows = ROWS.filter(**{name: value for name, value in asked.items() if value is not None}).order_by("-created_at")
    return shaping.page_of(rows, lambda row: shaping.run(row, request), page=page, per_page=per_page)


@router.post("/runs", auth=Needs(Scope.BENCHMARKS), response={201: schemas.RunDetail}, summary="Start a run")
def start_run(request: HttpRequest, asked: schemas.StartRun, idempotency_key: UUID = KEY) -> HttpResponse:
    """The key becomes the run's id. Cases that the model version has answered before are not asked again."""
    model_version = get_object_or_404(ModelVersion.objects.select_related("endpoint"), pk=asked.model_version)
    eval_set = get_object_or_404(EvalSet, pk=asked.eval_set)
    experiment = get_object_or_404(Experiment, pk=asked.experiment) if asked.experiment else None

    def effect() -> tuple[int, dict[str, Any]]:
        run = starting.start(
            run_id=idempotency_key,
            model_version=model_version,
            eval_set=eval_set,
            scorers=choosing.chosen(asked.scorers) if asked.scorers is not None else None,
            threads=asked.threads,
            budget=asked.budget,
            experiment=experiment,
            created_by=token_of(request).created_by,
            now=timezone.now(),
        )
        return 201, shaping.run_detail(run, request)

    return once(request, key=idempotency_key, effect=effect)


@router.get("/runs/{uuid:run_id}", auth=Needs(Scope.READ), response=schemas.RunDetail, summary="One run")
def one_run(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """With its scores once they are computed, and its errors by class, which are in no score."""
    return shaping.run_detail(get_run(run_id), request)


@router.get("/runs/{uuid:run_id}/errors", auth=Needs(Scope.READ), response=list[schemas.ErrorClass], summary="Errors")
def run_errors(request: HttpRequest, run_id: UUID) -> list[dict[str, Any]]:
    """By class, the commonest first."""
    return [{"error": one.name, "words": one.words, "n": one.n} for one in error_counts(get_run(run_id))]


@router.get("/runs/{uuid:run_id}/samples", auth=Needs(Scope.READ), summary="Every case with output and scores")
def run_samples(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """JSON lines as lm-evaluation-harness writes them, streamed."""
    body = lm_eval.samples(get_run(run_id))
    return StreamingHttpResponse(body, content_type="application/x-ndjson")  # type: ignore[return-value]


@router.post(
    "/runs/{uuid:run_id}/steps/{step}", auth=Needs(Scope.BENCHMARKS), response=schemas.RunDetail, summary="Take a step"
)
def take_step(
    request: HttpRequest, run_id: UUID, step: Step, asked: schemas.TakeStep | None = None, idempotency_key: UUID = KEY
) -> HttpResponse:
    """pause, resume (with another budget, if you like), cancel, end with what there is, or retry the errors.

    A run that is as asked already stays so. Only another key starts another round of calls.
    """
    run, budget = get_run(run_id), asked.budget if asked else None
    if budget is not None and step != Step.RESUME:
        raise ValidationError([{"loc": ("body", "asked", "budget"), "msg": "Only resume takes a budget."}])

    def effect() -> tuple[int, dict[str, Any]]:
        person = token_of(request).created_by
        stepping.take(run=run, step=step.value, budget=budget, actor=person, now=timezone.now())
        return 200, shaping.run_detail(get_run(run_id), request)

    return once(request, key=idempotency_key, effect=effect)


@router.post(
    "/runs/{uuid:run_id}/scores", auth=Needs(Scope.BENCHMARKS), response={202: schemas.RunDetail}, summary="Score again"
)
def score_again(
    request: HttpRequest, run_id: UUID, asked: schemas.Rescore, idempotency_key: UUID = KEY
) -> HttpResponse:
    """Other scorers or parameters over the same outputs; no model is called."""
    run = get_run(run_id)
    chosen = choosing.chosen(asked.scorers)

    def effect() -> tuple[int, dict[str, Any]]:
        rescoring.rescore(run=run, scorers=chosen, actor=token_of(request).created_by, now=timezone.now())
        return 202, shaping.run_detail(get_run(run_id), request)

    return once(request, key=idempotency_key, effect=effect)
