"""Pipelines over a server that misbehaves, their workers killed with -9 on the way.

One over the shipped example, one over three larger suites. Each must end with one complete evidence and one verdict,
every run and comparison made once; and a second one must find that all of it stands.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

from django.db import connections
from django.utils import timezone

from benchmarks.local_models import LocalModels, local_models
from benchmarks.prove import _pipeline_on_demo
from benchmarks.prove._pipeline_course import ENVIRONMENT, Course, findings, of_the_second, started
from benchmarks.prove.runs import exactly
from benchmarks.stack import running
from benchmarks.table import Row
from experiments.deciding.presets import PRESETS
from experiments.models import (
    Endpoint,
    EvalCase,
    EvalSet,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    ModelVersion,
    PipelineRun,
    SuiteRole,
)
from experiments.services import policies

ROLES = (SuiteRole.TARGET, SuiteRole.GENERAL, SuiteRole.ADVERSARIAL)


@dataclass(frozen=True)
class Plan:
    cases: int
    kills: int


FULL = Plan(cases=500, kills=12)


def run(*, full: bool) -> Iterable[Row]:
    """The example alone, where it must be short: all that it leaves out is the number of cases and of kills."""
    yield from _pipeline_on_demo.run(full=full)
    if full:
        yield from of_three_suites(FULL)


def of_three_suites(plan: Plan) -> Iterator[Row]:
    with local_models() as server, running(web=False, workers=1, concurrency=2, environment=ENVIRONMENT) as stack:
        try:
            began = time.monotonic()
            experiment = made(server, plan)
            first = Course(stack, started(experiment), plan.kills)
            first.harass(first.kill_workers)
            first.wait_for()
            seconds, calls = time.monotonic() - began, server.seen()["total"]
            yield scale(plan, first.pipeline, seconds)
            yield exactly("kills -9 of the worker", first.kills, plan.kills)
            # Before the second one, which has an end of its own.
            yield from findings(first)
            second = Course(stack, started(experiment), 0)
            second.wait_for()
            yield from of_the_second(second.pipeline, calls=server.seen()["total"] - calls)
        finally:
            connections.close_all()


def scale(plan: Plan, pipeline: PipelineRun, seconds: float) -> Row:
    snapshot = EvidenceSnapshot.objects.get(experiment=pipeline.experiment)
    return Row(
        f"pipeline over {len(ROLES)} suites of {plan.cases:,} cases, two models, a misbehaving server",
        f"{seconds:.0f} s",
        note=f"verdict {pipeline.verdict}: {snapshot.reason}",
    )


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
