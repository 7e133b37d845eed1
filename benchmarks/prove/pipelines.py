"""A pipeline over three suites of a server that misbehaves, its workers killed with -9 on the way.

It must end with one complete evidence and one verdict, every run and comparison made once; and a second one must find
that all of it stands.
"""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

from django.db import connections
from django.db.models import Sum
from django.utils import timezone

from benchmarks.local_models import ALLOWED, LocalModels, local_models
from benchmarks.prove.runs import exactly
from benchmarks.stack import Stack, running
from benchmarks.table import Row
from experiments.deciding.presets import PRESETS
from experiments.models import (
    BenchmarkRun,
    Endpoint,
    EvalCase,
    EvalSet,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    ModelVersion,
    Output,
    PipelineRun,
    RunComparison,
    RunItem,
    SuiteRole,
)
from experiments.reports.pipelines import shown
from experiments.services import policies
from experiments.services.pipelines import starting

ROLES = (SuiteRole.TARGET, SuiteRole.GENERAL, SuiteRole.ADVERSARIAL)
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
class Plan:
    cases: int
    kills: int


FULL, SHORT = Plan(cases=500, kills=12), Plan(cases=40, kills=3)


def run(*, full: bool) -> Iterable[Row]:
    plan = FULL if full else SHORT
    with local_models() as server, running(web=False, workers=1, concurrency=2, environment=ENVIRONMENT) as stack:
        try:
            began = time.monotonic()
            experiment = made(server, plan)
            first = started(experiment)
            kills = harass(stack, first, plan)
            wait_for(stack, first)
            seconds, calls = time.monotonic() - began, server.seen()["total"]
            second = started(experiment)
            wait_for(stack, second)
            yield from findings(plan, experiment, first, kills, seconds)
            yield from of_the_second(second, calls, server.seen()["total"])
        finally:
            connections.close_all()


def made(server: LocalModels, plan: Plan) -> Experiment:
    now = timezone.now()
    endpoint = Endpoint.objects.create(
        name="trouble",
        base_url=server.base_url,
        max_concurrency=32,
        timeout_seconds=1,
        max_attempts=4,
        max_response_bytes=200_000,
        created_at=now,
    )
    versions = [
        ModelVersion.objects.create(
            name=name,
            version="1",
            source=ModelVersion.Source.ENDPOINT,
            endpoint=endpoint,
            model="mix",
            content_hash=name * 8,
            created_at=now,
        )
        for name in ("before", "after")
    ]
    experiment = Experiment.objects.create(name="trouble", baseline=versions[0], candidate=versions[1], created_at=now)
    for role in ROLES:
        ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set(role, plan), role=role)
    policy = replace(PRESETS["benchmarks"].policy, max_error_share=0.5)
    policies.save_draft(experiment=experiment, policy=policy, actor=None, now=now)
    policies.register(experiment=experiment, token=uuid4(), seen_sha256=policy.sha256, registered_by=None, now=now)
    return experiment


def eval_set(role: str, plan: Plan) -> EvalSet:
    found = EvalSet.objects.create(
        name=role, version=1, content_hash=role, n_cases=plan.cases, created_at=timezone.now()
    )
    names = [f"{role}{n}" for n in range(plan.cases)]
    EvalCase.objects.bulk_create(
        EvalCase(
            eval_set=found, position=n, external_id=name, prompt=f"case={name} answer={n} wait=20", expected=str(n)
        )
        for n, name in enumerate(names)
    )
    return found


def started(experiment: Experiment) -> PipelineRun:
    return starting.start(experiment=experiment, token=uuid4(), started_by=None, now=timezone.now())[0]


def harass(stack: Stack, pipeline: PipelineRun, plan: Plan) -> int:
    """Kills evenly over its cases; the last ones fall where all is compared, gathered and decided."""
    rng, cases = random.Random(SEED), 2 * len(ROLES) * plan.cases
    for number in range(plan.kills):
        wait_for(stack, pipeline, least=int(cases * (number + 0.7) / plan.kills))
        time.sleep(rng.uniform(0.0, 0.3))
        stack.kill_workers()
        stack.start_workers()
    return plan.kills


def n_ended() -> int:
    found = BenchmarkRun.objects.aggregate(done=Sum("n_done"), errors=Sum("n_errors"))
    return (found["done"] or 0) + (found["errors"] or 0)


def wait_for(stack: Stack, pipeline: PipelineRun, *, least: int | None = None) -> None:
    """The end of the pipeline, or so many cases, if that comes first."""
    deadline = time.monotonic() + STUCK_AFTER_SECONDS
    while pipeline.status == PipelineRun.Status.RUNNING and (least is None or n_ended() < least):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{pipeline.parts}\n{stack.logs()}")
        time.sleep(0.05)
        pipeline.refresh_from_db()


def findings(plan: Plan, experiment: Experiment, pipeline: PipelineRun, kills: int, seconds: float) -> Iterator[Row]:
    cases, n_parts = 2 * len(ROLES) * plan.cases, 3 * len(ROLES) + 1
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    yield Row(
        f"pipeline over {len(ROLES)} suites of {plan.cases:,} cases, two models, a misbehaving server",
        f"{seconds:.0f} s",
        note=f"verdict {pipeline.verdict}: {snapshot.reason}",
    )
    yield exactly("kills -9 of the worker", kills, plan.kills)
    yield exactly("pipeline ended with all parts done", int(pipeline.status == PipelineRun.Status.DONE), 1)
    yield exactly("parts done", sum(one.state == "done" for one in shown(pipeline).parts), n_parts)
    yield exactly("runs made", BenchmarkRun.objects.count(), 2 * len(ROLES))
    yield exactly("comparisons made", RunComparison.objects.exclude(payload=None).count(), len(ROLES))
    yield exactly("cases with an end", RunItem.objects.exclude(state=RunItem.State.WAITING).count(), cases)
    with_output = RunItem.objects.exclude(output=None).count()
    yield exactly("outputs beyond one per case", Output.objects.count() - with_output, 0)
    same = (pipeline.verdict, pipeline.evidence_sha256) == (snapshot.verdict, snapshot.sha256)
    yield exactly("verdict and hash are those of the evidence that stands", int(same), 1)


def of_the_second(pipeline: PipelineRun, calls_before: int, calls: int) -> Iterator[Row]:
    """Nothing has changed since the first one."""
    yield exactly("second pipeline: runs and comparisons that stood", shown(pipeline).n_reused, 3 * len(ROLES))
    yield exactly("second pipeline: calls made", calls - calls_before, 0)
