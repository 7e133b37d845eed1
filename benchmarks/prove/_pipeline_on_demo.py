"""`manage.py run_pipeline` on the shipped example: its models are served by an endpoint that misbehaves.

The server says word for word what the example ships, in the end: so all three layers of its evidence are whole, and
every answer can be held against the file it comes from.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from celery import current_app
from django.conf import settings
from django.db import connections
from django.utils import timezone

from benchmarks.local_models import LocalModels, local_models
from benchmarks.prove._pipeline_course import ENVIRONMENT, STUCK_AFTER_SECONDS, Course, findings, of_the_second, started
from benchmarks.prove.runs import exactly
from benchmarks.stack import Stack, running
from benchmarks.table import Row
from evalsite.platform.embedded import broker_url
from evalsite.platform.models import Role
from experiments.models import (
    Endpoint,
    EvidenceSnapshot,
    Experiment,
    ModelVersion,
    Output,
    PipelineRun,
)
from experiments.reports.evidence.page import Dashboard
from experiments.services import demo, demo_benchmarks, demo_live, demo_verdicts, experiments

KILLS = 3
WAIT_MS = 150
ARMS = {"baseline": demo.BASELINE, "candidate": demo.CANDIDATE}


def run(*, full: bool) -> Iterable[Row]:
    """In short without its reviews and live tests, and without kills of the command: both take their time."""
    with tempfile.TemporaryDirectory() as folder:
        script = write_script(Path(folder) / "script.jsonl")
        with (
            local_models(script=script, wait_ms=WAIT_MS) as server,
            running(web=False, workers=1, concurrency=2, environment=ENVIRONMENT) as stack,
        ):
            try:
                yield from course(stack, server, load(server, full=full), full=full)
            finally:
                connections.close_all()


def model_of(version: str) -> str:
    """As the endpoint knows it: it has its troubles, others for each model, and answers in the end."""
    return f"passing-{version}"


def lines_of(filename: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (demo.CONTENT / filename).read_bytes().splitlines()]


def write_script(path: Path) -> Path:
    lines = []
    for suite in demo_benchmarks.SUITES:
        prompts = {row["id"]: row["messages"][-1]["content"] for row in lines_of(f"{suite.files}.jsonl")}
        for arm, version in ARMS.items():
            lines += [
                {
                    "model": model_of(version),
                    "prompt": prompts[row["id"]],
                    "case": row["id"],
                    "text": row["text"],
                    "tool_calls": row.get("tool_calls") or [],
                }
                for row in lines_of(f"{suite.files}_{arm}.jsonl")
            ]
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return path


def load(server: LocalModels, *, full: bool) -> Experiment:
    """By the example's own functions, except that its models are called instead of their outputs imported."""
    current_app.loader.import_default_modules()
    now = timezone.now()
    admin = demo.person("admin", Role.ADMIN)
    experiment = experiments.make(
        name=demo.EXPERIMENT,
        **{arm: served(server, version) for arm, version in ARMS.items()},
        created_by=admin,
        now=now - demo.CREATED,
    )
    demo.import_pairs(created_by=admin, now=now)
    demo_verdicts.register(now=now)
    if full:
        demo.load(now=now)
        demo_live.load(now=now)
    for suite in demo_benchmarks.SUITES:
        demo_benchmarks.used_set(suite, experiment=experiment, now=now - suite.loaded)
    return experiment


def served(server: LocalModels, version: str) -> ModelVersion:
    known = {"base_url": server.base_url, "max_concurrency": 8, "timeout_seconds": 2, "max_attempts": 5}
    long_ago = timezone.now() - demo.CREATED
    endpoint, _ = Endpoint.objects.get_or_create(name="trouble", defaults={**known, "created_at": long_ago})
    return ModelVersion.objects.create(
        name=version,
        version="1",
        source=ModelVersion.Source.ENDPOINT,
        endpoint=endpoint,
        model=model_of(version),
        content_hash=version,
        created_at=long_ago,
    )


@dataclass
class Command:
    """`run_pipeline`, killed with all else and given again with the same token."""

    stack: Stack
    token: str = field(default_factory=lambda: str(uuid4()))
    process: "subprocess.Popen[bytes] | None" = None
    kills: int = 0

    @property
    def environment(self) -> Mapping[str, str]:
        ours = {"DATABASE_URL": self.stack.database_url, "CELERY_BROKER_URL": broker_url(self.stack.folder)}
        return {**os.environ, **ENVIRONMENT, **ours}

    def start(self) -> None:
        """Unless it runs."""
        if self.process and self.process.poll() is None:
            return
        command = [sys.executable, "manage.py", "run_pipeline", demo.EXPERIMENT, "--token", self.token]
        self.process = subprocess.Popen(
            [*command, "--format", "json"],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
            self.kills += 1

    def pipeline(self) -> PipelineRun:
        """Once it has come so far."""
        deadline = time.monotonic() + STUCK_AFTER_SECONDS
        while time.monotonic() < deadline:
            if found := PipelineRun.objects.filter(token=self.token).select_related("experiment").first():
                return found
            time.sleep(0.05)
        raise RuntimeError(f"The command began no pipeline:\n{self.stack.logs()}")

    def told(self) -> dict[str, Any]:
        """What it printed, once it has ended as it should."""
        if self.process is None:
            raise RuntimeError("The command was not started.")
        said, _ = self.process.communicate(timeout=STUCK_AFTER_SECONDS)
        if self.process.returncode:
            raise RuntimeError(f"run_pipeline ended with {self.process.returncode}:\n{said.decode()}")
        found: dict[str, Any] = orjson.loads(said)
        return found


def course(stack: Stack, server: LocalModels, experiment: Experiment, *, full: bool) -> Iterator[Row]:
    began, command = time.monotonic(), Command(stack)
    command.start()
    first = Course(stack, command.pipeline(), KILLS)

    def kill() -> None:
        if full:
            command.kill()
        first.kill_workers()
        command.start()

    try:
        first.harass(kill)
        told = command.told()
    finally:
        command.kill()
    first.wait_for()
    seconds, seen = time.monotonic() - began, server.seen()
    yield scale(first, seen, seconds)
    yield exactly("kills -9 of the worker", first.kills, KILLS)
    if full:
        yield exactly("kills -9 of the command, given again with the same token", command.kills, KILLS)
    yield from findings(first)
    yield exactly("the command told the same verdict and hash", int(same(told, first.pipeline)), 1)
    yield from of_the_evidence(experiment)
    second = Course(stack, started(experiment), 0)
    second.wait_for()
    yield from of_the_second(second.pipeline, calls=server.seen()["total"] - seen["total"])


def scale(first: Course, seen: Mapping[str, Any], seconds: float) -> Row:
    troubles = sum(count for kind, count in seen["kinds"].items() if kind not in ("ok", "slow"))
    snapshot = EvidenceSnapshot.objects.get(experiment=first.experiment)
    return Row(
        f"run_pipeline “{first.experiment}”: {first.n_cases:,} cases of a misbehaving server",
        f"{seconds:.0f} s",
        note=f"{seen['total']:,} calls, {troubles} spoilt; verdict {first.pipeline.verdict}: {snapshot.reason}",
    )


def same(told: Mapping[str, Any], pipeline: PipelineRun) -> bool:
    return (told["verdict"], told["evidence_sha256"]) == (pipeline.verdict, pipeline.evidence_sha256)


def of_the_evidence(experiment: Experiment) -> Iterator[Row]:
    """Whole: every benchmark criterion over all cases of its suite, each answer the one that is shipped."""
    shown = Dashboard.from_dict(EvidenceSnapshot.objects.get(experiment=experiment).payload)
    n_by_role = {one.role: one.eval_set.n_cases for one in experiment.suites.select_related("eval_set")}
    asked = demo_verdicts.support_policy().criteria
    expected = {one.key: n_by_role[one.evidence.role] for one in asked if one.evidence.layer == "benchmark"}
    found = {one.key: one.n for one in shown.criteria if one.key in expected}
    yield exactly("benchmark criteria over all cases of their suite", int(found == expected), 1)
    heard = [one.title for one in shown.layers if one.state != "none"]
    yield Row("layers of evidence that were heard", str(len(heard)), note=", ".join(heard))
    yield exactly("answers that are not those the example ships", n_unlike(experiment), 0)


def n_unlike(experiment: Experiment) -> int:
    found = {
        (row.model_version.name, row.case.external_id): (row.text, called(row.tool_calls))
        for row in Output.objects.filter(
            case__eval_set__in=experiment.suites.values("eval_set"),
            case__eval_set__name__in=[suite.name for suite in demo_benchmarks.SUITES],
        ).select_related("model_version", "case")
    }
    shipped = {
        (version, row["id"]): (row["text"], row.get("tool_calls") or [])
        for suite in demo_benchmarks.SUITES
        for arm, version in ARMS.items()
        for row in lines_of(f"{suite.files}_{arm}.jsonl")
    }
    return sum(found.get(key) != said for key, said in shipped.items()) + len(found.keys() - shipped.keys())


def called(tool_calls: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """As the files of the example write them."""
    functions = [one["function"] for one in tool_calls or []]
    return [{"name": one["name"], "arguments": orjson.loads(one["arguments"])} for one in functions]
