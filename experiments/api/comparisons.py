"""Two runs of one eval set version, compared case by case."""

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
    """200 with figures of what stands now, 202 while they are on their way: `is_stale` says that older ones are shown.

    Two runs have one comparison in each experiment; without one, the latest experiment of both models over the set.
    """
    baseline, candidate = get_run(asked.baseline_run), get_run(asked.candidate_run)
    found = comparisons.get_or_start(
        baseline_run=baseline,
        candidate_run=candidate,
        experiment=get_object_or_404(Experiment, pk=asked.experiment) if asked.experiment else None,
        created_by=token_of(request).created_by,
        now=timezone.now(),
    )
    return answered(found, request)


@router.get(
    "/comparisons/{uuid:comparison_id}",
    auth=Needs(Scope.READ),
    response={200: schemas.Comparison, 202: schemas.Comparison},
    summary="One comparison",
)
def get_comparison(request: HttpRequest, comparison_id: UUID) -> Status:  # type: ignore[type-arg]
    """202 while its figures are on their way, or are of what no longer stands."""
    rows = RunComparison.objects.select_related("baseline_run", "candidate_run")
    return answered(get_object_or_404(rows, pk=comparison_id), request)


def answered(found: RunComparison, request: HttpRequest) -> Status:  # type: ignore[type-arg]
    is_stale = comparisons.is_stale(found)
    is_fresh = found.payload is not None and not is_stale
    return Status(200 if is_fresh else 202, shaping.comparison(found, request, is_stale=is_stale))
