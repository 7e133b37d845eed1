"""The pipeline of an experiment: started after a training run, and how far it is."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema
from ninja.params.functions import Query

from experiments.api.eval_sets import KEY
from experiments.api.problems import ApiProblem
from experiments.api.repeating import once
from experiments.api.security import Needs, Scope, token_of
from experiments.models import Experiment, ModelVersion, PipelineRun
from experiments.reports import pipelines as report
from experiments.services.pipelines import starting
from experiments.services.pipelines.following import CannotFollow, start_with

router = Router(tags=["Decisions"])


class PipelinePart(Schema):
    key: str
    kind: str = Field(description="run, comparison or evidence")
    title: str
    state: str = Field(description="waiting, running, stuck (somebody must act), done or failed")
    done: int
    total: int | None
    reused: bool = Field(description="it stood already, so nothing was done for it again")
    note: str
    url: str = Field(description="of its page; empty where there is none yet")


class Pipeline(Schema):
    id: UUID
    experiment: int = Field(description="another one than was asked for where a new candidate was named")
    status: str = Field(description="running, done, failed or cancelled")
    status_reason: str
    verdict: str = Field(description="empty until it is over")
    evidence_sha256: str
    started_by: str
    created_at: datetime
    finished_at: datetime | None
    parts: list[PipelinePart]


@router.post(
    "/experiments/{int:experiment_id}/pipeline",
    auth=Needs(Scope.BENCHMARKS),
    response={201: Pipeline},
    summary="Renew all evidence of an experiment",
)
def run_pipeline(
    request: HttpRequest,
    experiment_id: int,
    candidate: int | None = Query(None, gt=0, lt=2**63, description="id of a model version"),
    idempotency_key: UUID = KEY,
) -> HttpResponse:
    """Runs both models over every suite, scores, compares, gathers and decides; what stands already is not done again.

    One that is on its way is joined: its id is the answer. Another candidate gets an experiment of its own, with the
    same baseline, suites and policy, which is registered in the name of whoever made the token.
    """
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    version = get_object_or_404(ModelVersion, pk=candidate) if candidate is not None else None

    def effect() -> tuple[int, dict[str, object]]:
        person, now = token_of(request).created_by, timezone.now()
        try:
            if version:
                pipeline, _ = start_with(
                    experiment=experiment, candidate=version, token=idempotency_key, started_by=person, now=now
                )
            else:
                pipeline, _ = starting.start(experiment=experiment, token=idempotency_key, started_by=person, now=now)
        except (starting.PipelineRefused, CannotFollow) as refusal:
            raise ApiProblem(409, "refused", str(refusal)) from refusal
        return 201, report.shown(pipeline).to_dict()

    return once(request, key=idempotency_key, effect=effect)


@router.get(
    "/experiments/{int:experiment_id}/pipeline",
    auth=Needs(Scope.READ),
    response=Pipeline,
    summary="The newest pipeline of an experiment",
)
def get_pipeline(request: HttpRequest, experiment_id: int) -> dict[str, object]:
    """404 where there was none."""
    rows = PipelineRun.objects.filter(experiment=experiment_id).select_related("started_by").order_by("-created_at")
    newest = rows.first()
    if newest is None:
        raise ApiProblem(404, "not_found", "There is no such experiment, or no pipeline of it yet.")
    return report.shown(newest).to_dict()
