"""Rows as the API shows them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from experiments.models import BenchmarkRun, EvalSet, FileImport, ModelVersion, RunComparison, RunScorer
from experiments.reports.run_scores import error_counts

PROBLEMS_TOLD = 100


def page_of(rows: QuerySet[Any], shape: Callable[[Any], dict[str, Any]], *, page: int, per_page: int) -> dict[str, Any]:
    shown = Paginator(rows, per_page).get_page(page)
    return {
        "items": [shape(row) for row in shown.object_list],
        "count": shown.paginator.count,
        "page": shown.number,
        "pages": shown.paginator.num_pages,
    }


def fields(row: Model, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def eval_set(row: EvalSet) -> dict[str, Any]:
    return fields(
        row, "id", "name", "version", "content_hash", "n_cases", "description", "scorers", "warnings", "created_at"
    )


def model_version(row: ModelVersion) -> dict[str, Any]:
    endpoint = row.endpoint.name if row.endpoint else None
    return fields(row, "id", "name", "version", "source", "model", "created_at") | {"endpoint": endpoint}


def run(row: BenchmarkRun, request: HttpRequest) -> dict[str, Any]:
    counts = fields(
        row, "id", "status", "status_reason", "n_cases", "n_done", "n_errors", "n_reused", "input_tokens",
        "output_tokens", "cost", "budget", "threads", "eval_set_id", "experiment_id", "created_at", "started_at",
        "finished_at",
    )  # fmt: skip
    return counts | {
        "model_version": model_version(row.model_version),
        "eval_set": str(row.eval_set),
        "url": request.build_absolute_uri(f"/runs/{row.pk}/"),
    }


def run_detail(row: BenchmarkRun, request: HttpRequest) -> dict[str, Any]:
    scorers = RunScorer.objects.filter(run=row, is_current=True).order_by("-is_primary", "pk")
    errors = [{"error": one.name, "words": one.words, "n": one.n} for one in error_counts(row)]
    return run(row, request) | {"scorers": [run_scorer(one) for one in scorers], "errors": errors}


def run_scorer(row: RunScorer) -> dict[str, Any]:
    summary = row.summary if row.finished_at else {}
    categories = [
        {name: one[name] for name in ("name", "n", "n_passed", "overall")} for one in summary.get("categories", [])
    ]
    return fields(row, "key", "scorer", "version", "params", "is_primary", "finished_at", "n_scored", "n_passed") | {
        "unit": summary.get("unit"),
        "n_unscored": row.n_failed_to_score,
        "overall": summary.get("overall"),
        "categories": categories,
    }


def file_import(row: FileImport, request: HttpRequest) -> dict[str, Any]:
    problems = row.problems.order_by("id").values("severity", "row", "column", "kind", "reason")[:PROBLEMS_TOLD]
    told = fields(
        row, "id", "kind", "status", "error", "n_rows", "n_errors", "n_warnings", "eval_set_id", "model_version_id",
        "experiment_id", "created_at",
    )  # fmt: skip
    if row.has_stopped:
        told |= {"status": FileImport.Status.FAILED.value, "error": stopped_because(row)}
    return told | {
        "filename": row.upload.filename,
        "sha256": row.upload.sha256,
        "missing": (row.findings or {}).get("missing", []),
        "problems": list(problems),
        "run_id": run_of(row),
        "same_as": same_as(row),
        "url": request.build_absolute_uri(f"/imports/{row.pk}/"),
    }


def stopped_because(row: FileImport) -> str:
    """A program that asks until the import is over must come to an end, whatever ended its job."""
    return (row.job.error or f"Its job was {row.job.get_status_display()}.") if row.job else "Its job is gone."


def run_of(row: FileImport) -> UUID | None:
    """The run over imported outputs has the id of their import."""
    return row.pk if BenchmarkRun.objects.filter(pk=row.pk).exists() else None


def same_as(row: FileImport) -> UUID | None:
    if row.status != FileImport.Status.DISCARDED or not row.fingerprint:
        return None
    done = FileImport.objects.filter(fingerprint=row.fingerprint, status=FileImport.Status.DONE)
    return done.values_list("pk", flat=True).first()


def comparison(row: RunComparison, request: HttpRequest, *, is_stale: bool) -> dict[str, Any]:
    return {
        "id": row.pk,
        "baseline_run": row.baseline_run_id,
        "candidate_run": row.candidate_run_id,
        "experiment_id": row.experiment_id,
        "is_computed": row.payload is not None,
        "is_stale": is_stale,
        "is_valid": None if row.payload is None else not row.payload["invalid_reasons"],
        "state": row.state or None,
        "headline": row.headline or None,
        "computed_at": row.computed_at,
        "payload": row.payload,
        "url": request.build_absolute_uri(f"/comparisons/{row.pk}/"),
    }
