"""Eval sets, model versions, and the imports that make them."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, Router
from ninja.params.functions import Header, Query

from experiments.api import choices, schemas, shaping, taking
from experiments.api.security import Needs, Scope
from experiments.importers import outputs
from experiments.importers.eval_sets.mapping import ALIASES
from experiments.models import EvalSet, FileImport, ModelVersion

router = Router(tags=["Sets and outputs"])
KEY = Header(..., alias="Idempotency-Key", description="a UUID of your making; the same call again gives its answer")
PAGE, PER_PAGE = Query(1, ge=1, le=10**6), Query(50, ge=1, le=200)
LABEL = r"^[^\x00]*$"
Pair = Annotated[str, Field(max_length=300, pattern=LABEL)]
MAP = Query([], alias="map", max_length=30, description="FIELD=COLUMN for a column of another name; may come often")


@router.get("/eval-sets", auth=Needs(Scope.READ), response=schemas.PageOf[schemas.EvalSet], summary="List eval sets")
def list_eval_sets(
    request: HttpRequest,
    name: str = Query("", max_length=200, pattern=LABEL, description="exactly this name"),
    page: int = PAGE,
    per_page: int = PER_PAGE,
) -> dict[str, Any]:
    """Newest first; every version is a set of its own."""
    rows = EvalSet.objects.order_by("-created_at", "-pk")
    return shaping.page_of(rows.filter(name=name) if name else rows, shaping.eval_set, page=page, per_page=per_page)


@router.get("/eval-sets/{int:eval_set_id}", auth=Needs(Scope.READ), response=schemas.EvalSet, summary="One eval set")
def get_eval_set(request: HttpRequest, eval_set_id: int) -> dict[str, Any]:
    return shaping.eval_set(get_object_or_404(EvalSet, pk=eval_set_id))


@router.post(
    "/eval-sets",
    auth=Needs(Scope.BENCHMARKS),
    response={202: schemas.Import},
    summary="Upload an eval set",
    openapi_extra=taking.FILE_BODY,
)
def upload_eval_set(
    request: HttpRequest,
    name: str = Query(..., min_length=1, max_length=200, pattern=LABEL),
    description: str = Query("", max_length=5000, pattern=LABEL),
    scorers: str = Query(
        "", max_length=20_000, pattern=LABEL, description="JSON list of names or objects; else those that suit"
    ),
    columns: list[Pair] = MAP,
    filename: str = Query("", max_length=255, description="tells the format where the content type does not"),
    idempotency_key: UUID = KEY,
) -> HttpResponse:
    """Read in the background, and imported if no row has an error. Ask for the import until its status is done."""
    options = {
        "name": name,
        "description": description,
        "scorers": choices.scorers(scorers),
        "mapping": choices.mapping(columns, ALIASES),
    }
    return taking.begin(request, key=idempotency_key, kind="eval_set", options=options, filename=filename)


@router.post(
    "/outputs",
    auth=Needs(Scope.BENCHMARKS),
    response={202: schemas.Import},
    summary="Upload what a model answered",
    openapi_extra=taking.FILE_BODY,
)
def upload_outputs(
    request: HttpRequest,
    eval_set: int = Query(..., gt=0, lt=2**63, description="id of the set they answer"),
    model: str = Query(..., min_length=1, max_length=200, pattern=LABEL, description="name of the model"),
    version: str = Query("", max_length=50, pattern=LABEL, description="else the next without outputs for this set"),
    score: bool = Query(default=True, description="score them at once; the run has the id of the import"),
    columns: list[Pair] = MAP,
    filename: str = Query("", max_length=255),
    idempotency_key: UUID = KEY,
) -> HttpResponse:
    """One row per case with its id and the answer. Cases without a row count as errors, never as wrong answers."""
    get_object_or_404(EvalSet, pk=eval_set)
    mapping = choices.mapping(columns, outputs.ALIASES)
    options = {"eval_set": eval_set, "model": model, "version": version, "score": score, "mapping": mapping}
    return taking.begin(request, key=idempotency_key, kind="outputs", options=options, filename=filename)


@router.get("/imports/{uuid:import_id}", auth=Needs(Scope.READ), response=schemas.Import, summary="One import")
def get_import(request: HttpRequest, import_id: UUID) -> dict[str, Any]:
    """Its status is checking, committing, done, failed, discarded, or checked where an error keeps it out."""
    rows = FileImport.objects.select_related("upload", "job")
    return shaping.file_import(get_object_or_404(rows, pk=import_id), request)


@router.get(
    "/model-versions",
    auth=Needs(Scope.READ),
    response=schemas.PageOf[schemas.ModelVersion],
    summary="List model versions",
)
def list_model_versions(
    request: HttpRequest,
    name: str = Query("", max_length=200, pattern=LABEL),
    page: int = PAGE,
    per_page: int = PER_PAGE,
) -> dict[str, Any]:
    rows = ModelVersion.objects.select_related("endpoint").order_by("-created_at", "-pk")
    shown = rows.filter(name=name) if name else rows
    return shaping.page_of(shown, shaping.model_version, page=page, per_page=per_page)
