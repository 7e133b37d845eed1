"""Runs, their items and scores whose every default is valid."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from experiments.models import (
    BenchmarkRun,
    Endpoint,
    EvalCase,
    EvalSet,
    ModelVersion,
    Output,
    RunItem,
    RunScorer,
    Score,
)
from tests.factories.experiments_ import content_hash, make_eval_set, make_model_version
from tests.factories.platform_ import NOW


def make_run(
    *, eval_set: EvalSet | None = None, model_version: ModelVersion | None = None, **fields: Any
) -> BenchmarkRun:
    """A finished run without items."""
    eval_set = eval_set or make_eval_set()
    values = {"status": BenchmarkRun.Status.DONE, "created_at": NOW, "started_at": NOW, "finished_at": NOW}
    return BenchmarkRun.objects.create(
        eval_set=eval_set,
        model_version=model_version or make_model_version(),
        **{**values, "n_cases": eval_set.n_cases, "n_done": eval_set.n_cases, **fields},
    )


def make_items(run: BenchmarkRun, *, errors: Mapping[str, str] | None = None, **outputs: Any) -> list[RunItem]:
    """Every case of the run's set has an output of its model, but those of `errors` (external id: error class)."""
    errors = errors or {}
    made = []
    for case in run.eval_set.cases.order_by("position"):
        error = errors.get(case.external_id, "")
        fields = {"text": f"Answer to {case.external_id}.", "latency_ms": 100.0 + case.position, **outputs}
        output = None
        if not error:
            output, _ = Output.objects.get_or_create(model_version=run.model_version, case=case, defaults=fields)
        state = RunItem.State.ERROR if error else RunItem.State.DONE
        made.append(RunItem(run=run, case=case, state=state, output=output, error_class=error, finished_at=NOW))
    RunItem.objects.bulk_create(made)
    n_errors = len([item for item in made if item.error_class])
    run.n_cases, run.n_done, run.n_errors = len(made), len(made) - n_errors, n_errors
    run.save(update_fields=["n_cases", "n_done", "n_errors"])
    return made


def make_run_scorer(run: BenchmarkRun, *, scorer: str = "exact_match", **fields: Any) -> RunScorer:
    """The same scorer has the same fingerprint on every run."""
    fingerprint = sha256(scorer.encode()).hexdigest()
    values = {"key": scorer, "version": 1, "fingerprint": fingerprint, "is_primary": True, "finished_at": NOW}
    return RunScorer.objects.create(run=run, scorer=scorer, **{**values, **fields})


def make_scores(
    run_scorer: RunScorer,
    values: Sequence[float | None],
    *,
    with_pass_mark: bool = True,
    details: Sequence[Mapping[str, Any]] | None = None,
) -> RunScorer:
    """One value per case in the order of the set; passed where it is at least a half, unless there is no pass mark.

    Cases of the run that ended in an error get none.
    """
    in_error = set(run_scorer.run.items.filter(state=RunItem.State.ERROR).values_list("case_id", flat=True))
    cases = list(run_scorer.run.eval_set.cases.order_by("position").values_list("pk", flat=True))
    rows = [
        Score(
            run_scorer=run_scorer,
            case_id=case,
            value=value,
            passed=value >= 0.5 if with_pass_mark and value is not None else None,
            detail=details[place] if details else {},
        )
        for place, (case, value) in enumerate(zip(cases, values, strict=True))
        if case not in in_error
    ]
    Score.objects.bulk_create(rows)
    run_scorer.n_scored = sum(row.value is not None for row in rows)
    run_scorer.n_passed = sum(row.passed is True for row in rows) if with_pass_mark else None
    run_scorer.save(update_fields=["n_scored", "n_passed"])
    return run_scorer


def make_scored_run(
    *,
    eval_set: EvalSet,
    values: Sequence[float | None],
    model_version: ModelVersion | None = None,
    errors: Mapping[str, str] | None = None,
    scorer: str = "exact_match",
    **fields: Any,
) -> BenchmarkRun:
    """A finished run with its items and one primary scorer's values."""
    run = make_run(eval_set=eval_set, model_version=model_version, **fields)
    make_items(run, errors=errors)
    make_scores(make_run_scorer(run, scorer=scorer), values)
    return run


def make_endpoint(*, name: str = "", base_url: str = "http://127.0.0.1:9/v1", **fields: Any) -> Endpoint:
    values = {"created_at": NOW, "timeout_seconds": 5, "max_attempts": 3}
    return Endpoint.objects.create(
        name=name or f"endpoint {content_hash()[:8]}", base_url=base_url, **{**values, **fields}
    )


def make_called_model(*, endpoint: Endpoint | None = None, model: str = "instant", **fields: Any) -> ModelVersion:
    """A model version that is called over HTTP."""
    return make_model_version(
        source=ModelVersion.Source.ENDPOINT, endpoint=endpoint or make_endpoint(), model=model, **fields
    )


def make_numbered_set(*, n: int, prompt: str = "case={n} answer={n}", **fields: Any) -> EvalSet:
    """A set of many cases whose prompts name their number, quickly; the number is also what is expected."""
    values = {"name": f"numbers {content_hash()[:8]}", "version": 1, "content_hash": content_hash(), "created_at": NOW}
    eval_set = EvalSet.objects.create(n_cases=n, **{**values, **fields})
    cases = (
        EvalCase(
            eval_set=eval_set,
            position=place,
            external_id=str(place + 1),
            prompt=prompt.format(n=place + 1),
            expected=str(place + 1),
        )
        for place in range(n)
    )
    EvalCase.objects.bulk_create(cases, batch_size=2000)
    return eval_set
