"""Two runs of one eval set version, compared case by case."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Status

from experiments.api import schemas, shaping
from experiments.api.runs import get_run
from experiments.api.security import Needs, Scope, token_of
from experiments.models import Experiment, RunComparison
from experiments.services import comparisons

router = Router(tags=["Comparisons"])


@router.post(
    "/comparisons",
    auth=Needs(Scope.BENCHMARKS),
    response={200: schemas.Comparison, 202: schemas.Comparison},
    summary="Compare two runs",
)
def compare(request: HttpRequest, asked: schemas.StartComparison) -> Status:  # type: ignore[type-arg]
    """200 with the figures where they are computed, 202 while they are on their way. Two runs have one comparison."""
    baseline, candidate = get_run(asked.baseline_run), get_run(asked.candidate_run)
    found = comparisons.get_or_start(
        baseline_run=baseline,
        candidate_run=candidate,
        experiment=get_object_or_404(Experiment, pk=asked.experiment) if asked.experiment else None,
        created_by=token_of(request).created_by,
        now=timezone.now(),
    )
    return Status(200 if found.payload is not None else 202, shaping.comparison(found, request))


@router.get(
    "/comparisons/{uuid:comparison_id}", auth=Needs(Scope.READ), response=schemas.Comparison, summary="One comparison"
)
def get_comparison(request: HttpRequest, comparison_id: UUID) -> dict[str, Any]:
    return shaping.comparison(get_object_or_404(RunComparison, pk=comparison_id), request)
