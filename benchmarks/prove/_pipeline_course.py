"""The course of a pipeline whose workers are killed with -9, and what must hold at its end."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from django.db.models import Sum
from django.utils import timezone

from benchmarks.local_models import ALLOWED
from benchmarks.prove.runs import exactly
from benchmarks.stack import Stack
from benchmarks.table import Row
from evalsite.platform.models import AuditEntry
from experiments.models import (
    BenchmarkRun,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    Output,
    PipelineRun,
    RunComparison,
    RunItem,
)
from experiments.reports.pipelines import shown
from experiments.services.pipelines import starting

STUCK_AFTER_SECONDS = 300
SEED = 11
ENVIRONMENT = {
    **ALLOWED,
    "JOB_LEASE_SECONDS": "3",
    "RUN_LANES": "2",
    "RUN_BACKOFF_MS": "200",
    "RUN_BACKOFF_MOST_SECONDS": "1",
}


@dataclass(frozen=True)
class Course:
    stack: Stack
    pipeline: PipelineRun
    kills: int

    @property
    def experiment(self) -> Experiment:
        return self.pipeline.experiment

    @property
    def n_cases(self) -> int:
        suites = ExperimentSuite.objects.filter(experiment=self.experiment)
        return 2 * (suites.aggregate(cases=Sum("eval_set__n_cases"))["cases"] or 0)

    def harass(self, kill: Callable[[], None]) -> None:
        """Kills evenly over its cases; the last ones fall where all is compared, gathered and decided."""
        rng, cases = random.Random(SEED), self.n_cases
        for number in range(self.kills):
            self.wait_for(least=int(cases * (number + 0.7) / self.kills))
            time.sleep(rng.uniform(0.0, 0.3))
            kill()

    def kill_workers(self) -> None:
        self.stack.kill_workers()
        self.stack.start_workers()

    def wait_for(self, *, least: int | None = None) -> None:
        """The end of the pipeline, or so many cases, if that comes first."""
        deadline = time.monotonic() + STUCK_AFTER_SECONDS
        self.pipeline.refresh_from_db()
        while self.pipeline.status == PipelineRun.Status.RUNNING and (least is None or self.n_ended() < least):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.pipeline.parts}\n{self.stack.logs()}")
            time.sleep(0.1)
            self.pipeline.refresh_from_db()

    def n_ended(self) -> int:
        runs = BenchmarkRun.objects.filter(experiment=self.experiment)
        found = runs.aggregate(done=Sum("n_done"), errors=Sum("n_errors"))
        return (found["done"] or 0) + (found["errors"] or 0)


def started(experiment: Experiment) -> PipelineRun:
    return starting.start(experiment=experiment, token=uuid4(), started_by=None, now=timezone.now())[0]


def findings(course: Course) -> Iterator[Row]:
    """Everything once, and whole."""
    experiment, pipeline = course.experiment, course.pipeline
    n_suites = experiment.suites.count()
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    runs = BenchmarkRun.objects.filter(experiment=experiment)
    items = RunItem.objects.filter(run__in=runs)
    made_by_it = Output.objects.filter(
        model_version__in=[experiment.baseline, experiment.candidate],
        case__eval_set__in=experiment.suites.values("eval_set"),
    )
    ends = AuditEntry.objects.filter(action="pipeline.ended", subject=str(experiment))
    yield exactly("pipeline ended with all parts done", int(pipeline.status == PipelineRun.Status.DONE), 1)
    yield exactly("parts done", sum(one.state == "done" for one in shown(pipeline).parts), 3 * n_suites + 1)
    yield exactly("runs made", runs.count(), 2 * n_suites)
    compared = RunComparison.objects.filter(experiment=experiment).exclude(payload=None)
    yield exactly("comparisons made", compared.count(), n_suites)
    yield exactly("cases with an end", items.exclude(state=RunItem.State.WAITING).count(), course.n_cases)
    yield exactly("outputs beyond one per case", made_by_it.count() - items.exclude(output=None).count(), 0)
    yield exactly("ends on record", ends.count(), 1)
    same = (pipeline.verdict, pipeline.evidence_sha256) == (snapshot.verdict, snapshot.sha256)
    yield exactly("verdict and hash are those of the evidence that stands", int(same), 1)


def of_the_second(pipeline: PipelineRun, *, calls: int) -> Iterator[Row]:
    """Nothing has changed since the first one."""
    n_parts = len(shown(pipeline).parts) - 1
    yield exactly("second pipeline: runs and comparisons that stood", shown(pipeline).n_reused, n_parts)
    yield exactly("second pipeline: calls made", calls, 0)
