"""A comparison as programs read it: JSON with stable keys, described in docs/benchmarks.md."""

from typing import Any

from experiments.models import BenchmarkRun, RunComparison
from experiments.reports.comparisons.headline import headline


def as_dict(comparison: RunComparison) -> dict[str, Any]:
    """comparison: with its runs, their models and their set. `state` is None until it is computed."""
    payload = comparison.payload
    told = headline(payload) if payload else None
    eval_set = comparison.baseline_run.eval_set
    return {
        "id": str(comparison.pk),
        "computed_at": comparison.computed_at.isoformat() if comparison.computed_at else None,
        "state": told.state if told else None,
        "headline": told.sentence if told else None,
        "is_valid": not payload["invalid_reasons"] if payload else None,
        "experiment": comparison.experiment.name if comparison.experiment else None,
        "eval_set": {"name": eval_set.name, "version": eval_set.version, "content_hash": eval_set.content_hash},
        "baseline": arm(comparison.baseline_run),
        "candidate": arm(comparison.candidate_run),
        **(payload or {}),
    }


def arm(run: BenchmarkRun) -> dict[str, Any]:
    return {
        "run": str(run.pk),
        "model": run.model_version.name,
        "version": run.model_version.version,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }
