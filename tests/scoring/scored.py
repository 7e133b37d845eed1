"""A run over texts given by hand, scored by its job without a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments import tasks
from experiments.models import BenchmarkRun, EvalSet, Output, RunItem, RunScorer, Score
from experiments.services.scoring import choosing, running
from tests.factories.benchmarks_ import make_run
from tests.factories.experiments_ import content_hash, make_case, make_model_version
from tests.factories.platform_ import NOW

HANDLERS = (tasks.score_run,)


def make_set(rows: Sequence[Mapping[str, Any]], **fields: Any) -> EvalSet:
    """A set of these cases, external ids "1", "2" …"""
    eval_set = EvalSet.objects.create(
        name=f"set {content_hash()[:8]}",
        version=1,
        content_hash=content_hash(),
        n_cases=len(rows),
        created_at=NOW,
        **fields,
    )
    for position, row in enumerate(rows):
        make_case(eval_set=eval_set, position=position, **row)
    return eval_set


def answered(eval_set: EvalSet, texts: Sequence[str | None], **fields: Any) -> BenchmarkRun:
    """A run with these answers, None for an error, that waits to be scored."""
    run = make_run(
        eval_set=eval_set,
        model_version=make_model_version(),
        status=BenchmarkRun.Status.SCORING,
        finished_at=None,
        n_done=sum(text is not None for text in texts),
        n_errors=sum(text is None for text in texts),
        **fields,
    )
    for case, text in zip(eval_set.cases.order_by("position"), texts, strict=True):
        if text is None:
            RunItem.objects.create(run=run, case=case, state="error", error_class="timeout", finished_at=NOW)
        else:
            output = Output.objects.create(model_version=run.model_version, case=case, text=text)
            RunItem.objects.create(run=run, case=case, state="done", output=output, finished_at=NOW)
    return run


def score(run: BenchmarkRun, scorers: Sequence[Mapping[str, Any] | str] = ("exact_match",)) -> Job:
    """A run that is scored already is scored again."""
    BenchmarkRun.objects.filter(pk=run.pk).update(status=BenchmarkRun.Status.SCORING)
    choosing.attach(run=run, scorers=choosing.chosen(scorers))
    return deliver(running.start(run=run, created_by=None, now=NOW), run)


def deliver(job: Job, run: BenchmarkRun) -> Job:
    jobs.run(job.pk)
    run.refresh_from_db()
    job.refresh_from_db()
    return job


def current(run: BenchmarkRun, key: str = "exact_match") -> RunScorer:
    return RunScorer.objects.get(run=run, key=key, is_current=True)


def values(run_scorer: RunScorer) -> dict[str, float | None]:
    rows = Score.objects.filter(run_scorer=run_scorer).order_by("case__position")
    return dict(rows.values_list("case__external_id", "value"))
