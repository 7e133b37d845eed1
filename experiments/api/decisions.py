"""The verdict on an experiment, and the newest decision that a lead signed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from experiments.api.problems import ApiProblem
from experiments.api.security import Needs, Scope
from experiments.models import EvidenceSnapshot, Experiment
from experiments.reports.gate.answer import NoAnswer, computed_answer, is_stale
from experiments.reports.policies.registered import current

router = Router(tags=["Decisions"])


class GateExperiment(Schema):
    id: int
    name: str
    baseline: str
    candidate: str


class GatePolicy(Schema):
    number: int
    title: str
    sha256: str
    registered_at: datetime
    open_evidence: list[str] = Field(description="what could be read already when it was registered")


class GateCriterion(Schema):
    key: str
    title: str
    layer: str
    status: str = Field(description="met, not_met, undecided or no_evidence")
    required: bool
    sentence: str
    rule_words: str
    comparison: str
    direction: str
    rule: str
    level: float
    unit: str
    threshold: float
    shown_beyond: float | None
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    margin: float | None = Field(description="how far on the good side of the threshold; below 0 on the bad one")
    n: int
    n_unit: str
    n_more: int | None = Field(description="about how many more would settle it")
    n_min: int | None = Field(description="the least n at which it can be shown at all")
    n_min_sentence: str
    method: str
    state: str
    warnings: list[str]
    parts: list[dict[str, Any]]


class GateHealthFailure(Schema):
    key: str
    title: str
    detail: str
    layer: str
    counts: bool


class GatePointRule(Schema):
    verdict: str
    sentence: str


class GateSigned(Schema):
    id: UUID
    number: int
    verdict: str
    computed_verdict: str
    override_reason: str
    comment: str
    signed_by: str
    signed_at: datetime
    evidence_sha256: str
    policy_sha256: str


class GateAnswer(Schema):
    experiment: GateExperiment
    verdict: str = Field(description="GO, NO-GO, INCONCLUSIVE or INVALID, of the evidence as it was gathered last")
    exit_code: int = Field(description="of the command gate: 0, 2, 3, 4")
    reason: str
    is_stale: bool = Field(description="evidence has moved since and is gathered again by itself")
    computed_at: datetime
    evidence_sha256: str
    data_sha256: str
    policy: GatePolicy
    criteria: list[GateCriterion]
    health_failures: list[GateHealthFailure]
    point_rule: GatePointRule
    signed: GateSigned | None = Field(description="the newest decision a lead signed, where there is one")


@router.get(
    "/experiments/{int:experiment_id}/decision",
    auth=Needs(Scope.READ),
    response={200: GateAnswer, 202: GateAnswer},
    summary="The verdict on an experiment, and its newest decision",
)
def get_decision(request: HttpRequest, experiment_id: int) -> Status:  # type: ignore[type-arg]
    """200 with the verdict on what stands now; 202 while newer evidence is on its way: `is_stale` says so.

    409 while there is nothing to answer: no policy is registered, or evidence was not gathered for it yet.
    """
    rows = Experiment.objects.select_related("baseline", "candidate")
    experiment = get_object_or_404(rows, pk=experiment_id)
    try:
        found = computed_answer(experiment)
    except NoAnswer as refusal:
        code = "not_gathered" if current(experiment) else "no_policy"
        raise ApiProblem(409, code, str(refusal)) from refusal
    stale = is_stale(experiment, EvidenceSnapshot.objects.get(experiment=experiment))
    return Status(202 if stale else 200, found | {"is_stale": stale})
