"""What the API takes and gives, as its OpenAPI description shows it."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from ninja import Field, Schema

from experiments.api.bodies import Body

T = TypeVar("T")


class Problem(Schema):
    code: str = Field(description="for programs: does not change")
    message: str = Field(description="for people")


class FieldReason(Schema):
    where: str
    reason: str


class Invalid(Problem):
    fields: list[FieldReason] = []


class PageOf(Schema, Generic[T]):
    items: list[T]
    count: int = Field(description="of all pages together")
    page: int
    pages: int


class Estimate(Schema):
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None = None
    alpha: float
    n: int
    method: str
    warnings: list[str] = []


class EvalSet(Schema):
    id: int
    name: str
    version: int
    content_hash: str
    n_cases: int
    description: str
    scorers: list[Any]
    warnings: list[Any]
    created_at: datetime


class ModelVersion(Schema):
    id: int
    name: str
    version: str
    source: str
    model: str
    endpoint: str | None
    created_at: datetime


class CategoryScore(Schema):
    name: str
    n: int
    n_passed: int | None
    overall: Estimate


class RunScorer(Schema):
    key: str
    scorer: str
    version: int
    params: dict[str, Any]
    is_primary: bool
    finished_at: datetime | None
    unit: str | None
    n_scored: int
    n_passed: int | None
    n_unscored: int
    overall: Estimate | None = Field(description="null until it is computed")
    categories: list[CategoryScore]


class ErrorClass(Schema):
    error: str
    words: str
    n: int


class Run(Schema):
    id: UUID
    status: str
    status_reason: str
    model_version: ModelVersion
    eval_set_id: int
    eval_set: str
    experiment_id: int | None
    n_cases: int
    n_done: int
    n_errors: int
    n_reused: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    budget: Decimal | None
    threads: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    url: str = Field(description="of its page")


class RunDetail(Run):
    scorers: list[RunScorer]
    errors: list[ErrorClass]


class StartRun(Body):
    model_version: int = Field(description="id of a model version", gt=0, lt=2**63)
    eval_set: int = Field(description="id of an eval set", gt=0, lt=2**63)
    scorers: list[Any] | None = Field(None, description="names or objects; without any, those of the eval set")
    threads: int = Field(8, ge=1, le=64)
    budget: Decimal | None = Field(None, gt=0, max_digits=12, decimal_places=4)
    experiment: int | None = Field(None, gt=0, lt=2**63)


class Rescore(Body):
    scorers: list[Any] = Field(description='names, or objects {"scorer", "params", "key", "primary"}')


class TakeStep(Body):
    budget: Decimal | None = Field(
        None, gt=0, max_digits=12, decimal_places=4, description="with resume: pause when so much is spent"
    )


class ImportProblem(Schema):
    severity: str
    row: int | None
    column: str
    kind: str
    reason: str


class Import(Schema):
    id: UUID
    kind: str
    status: str
    error: str
    filename: str
    sha256: str
    n_rows: int
    n_errors: int
    n_warnings: int
    missing: list[str] = Field(description="what must still be chosen: columns or options")
    problems: list[ImportProblem] = Field(description="the first hundred")
    eval_set_id: int | None
    model_version_id: int | None
    experiment_id: int | None
    run_id: UUID | None
    same_as: UUID | None = Field(description="the import of the same bytes, where nothing new was made")
    created_at: datetime
    url: str


class StartComparison(Body):
    baseline_run: UUID
    candidate_run: UUID
    experiment: int | None = Field(None, gt=0, lt=2**63)


class Comparison(Schema):
    id: UUID
    baseline_run: UUID
    candidate_run: UUID
    experiment_id: int | None
    is_computed: bool
    is_stale: bool
    is_valid: bool | None
    state: str | None
    headline: str | None
    computed_at: datetime | None
    payload: dict[str, Any] | None
    url: str
