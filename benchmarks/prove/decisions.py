"""Generated experiments, decided twice in two processes and again after a dump and a restore: the same bytes."""

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import psycopg
from django.db import connections, transaction
from django.utils import timezone

from benchmarks.stack import Stack, running
from benchmarks.table import Row
from evalsite.platform.embedded import database_url
from evalsite.platform.embedded.programs import postgres_folders
from experiments.deciding.presets import PRESETS
from experiments.go_no_go import Evidence, Health, Observation, decide
from experiments.models import Decision, Experiment, ModelVersion, RegisteredPolicy
from experiments.policy import HEALTH_CHECKS, Criterion, Policy

FULL, SHORT = 1_000, 60
SEED = 20_261_121
RESTORED = "restored"
ROOT = Path(__file__).resolve().parents[2]
FROZEN = """
SELECT policy.text, policy.sha256, evidence_text, evidence_sha256, verdict_text, verdict_sha256, computed_verdict
FROM experiments_decision JOIN experiments_registeredpolicy AS policy ON policy.id = policy_id
ORDER BY experiments_decision.token
"""


def run(*, full: bool) -> Iterable[Row]:
    n = FULL if full else SHORT
    with running(web=False, workers=0) as stack:
        with transaction.atomic():
            words = store(n)
        connections.close_all()
        counts = ", ".join(f"{words.count(word):,} {word}" for word in dict.fromkeys(sorted(words)))
        yield Row(f"{n:,} generated experiments decided", f"{len(words):,}", note=counts)
        yield recomputed("decided again in a second process", stack.database_url, n)
        dump_and_restore(stack)
        copy = database_url(stack.folder, name=RESTORED)
        same = frozen(stack.database_url) == frozen(copy)
        yield Row("frozen texts after a dump and a restore", "the same" if same else "differ", ok=same)
        yield recomputed("decided again after a dump and a restore", copy, n)


def store(n: int) -> list[str]:
    """Signed by nobody and frozen as a signature would; the verdicts."""
    now = timezone.now()
    before, after = (
        ModelVersion.objects.create(name=name, version="1", content_hash=name, created_at=now)
        for name in ("baseline", "candidate")
    )
    words = []
    for place in range(n):
        policy, evidence = generated(place)
        verdict = decide(policy, evidence)
        experiment = Experiment.objects.create(
            name=f"generated {place}", baseline=before, candidate=after, created_at=now
        )
        rule = RegisteredPolicy.objects.create(
            token=UUID(int=place),
            experiment=experiment,
            number=1,
            text=policy.canonical().decode(),
            sha256=policy.sha256,
            registered_at=now,
        )
        Decision.objects.create(
            token=UUID(int=place),
            experiment=experiment,
            number=1,
            policy=rule,
            evidence_text=evidence.canonical().decode(),
            evidence_sha256=evidence.sha256,
            verdict_text=verdict.canonical().decode(),
            verdict_sha256=verdict.sha256,
            report={},
            data_sha256=sha256(b"generated").hexdigest(),
            code_version="proof",
            computed_verdict=verdict.verdict,
            verdict=verdict.verdict,
            comment="Generated.",
            signed_at=now,
        )
        words.append(str(verdict.verdict))
    return words


def generated(place: int) -> tuple[Policy, Evidence]:
    """One of the presets, each criterion somewhere around its threshold, and now and then a failed check."""
    draw = random.Random(SEED + place)
    policy = PRESETS[draw.choice(sorted(PRESETS))].policy
    policy = replace(policy, title=f"Generated {place}: größer, größte, 最大")
    lean = draw.choice([0.0, 0.15, 0.3, -0.1])
    observations = {one.key: observation(draw, one, lean) for one in policy.asked if draw.random() < 0.99}
    checks = tuple(
        Health(key=key, title=title, ok=draw.random() > 0.02, detail="Generated.")
        for key, title in HEALTH_CHECKS.items()
    )
    return policy, Evidence(observations=observations, health=checks)


def observation(draw: random.Random, asked: Criterion, lean: float) -> Observation:
    sign = 1 if asked.direction == "at_least" else -1
    centre, half = asked.threshold + sign * draw.gauss(lean, 0.1), abs(draw.gauss(0, 0.08))
    is_share = asked.comparison == "absolute" and asked.unit == "share"
    if is_share:
        centre = min(1.0, max(0.0, centre))
    return Observation(
        estimate=centre,
        ci_low=max(0.0, centre - half) if is_share else centre - half,
        ci_high=min(1.0, centre + half) if is_share else centre + half,
        level=draw.choice([0.9, 0.95, 0.99]),
        n=draw.randint(1, 100_000),
        n_unit=draw.choice(["cases", "judgments", "units"]),
        method=draw.choice(["Wilson interval", "exact binomial interval", "paired bootstrap"]),
        spread=draw.choice([None, draw.random()]),
        state=draw.choice(["final", "final", "final", "growing"]),
        anytime=draw.random() < 0.5,
    )


def recomputed(name: str, url: str, n: int) -> Row:
    """By the command, in a process of its own whose strings hash otherwise."""
    done = subprocess.run(
        [sys.executable, "manage.py", "recompute_decision", "--all"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "PYTHONHASHSEED": "random", "LANG": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
    promised = f"{n:,} decisions recomputed, each the same to the byte."
    return Row(name, last[0] if last else "nothing", ok=done.returncode == 0 and last == [promised])


def dump_and_restore(stack: Stack) -> None:
    file = stack.folder / "decisions.dump"
    with stack.connect() as link:
        link.execute(f"CREATE DATABASE {RESTORED}")
    call([program("pg_dump"), "--format=custom", f"--file={file}", f"--dbname={stack.database_url}"])
    call([program("pg_restore"), "--exit-on-error", f"--dbname={database_url(stack.folder, name=RESTORED)}", str(file)])


def program(name: str) -> str:
    found = next((folder / name for folder in postgres_folders() if (folder / name).exists()), None)
    if found is None:
        raise RuntimeError(f"{name} was not found beside PostgreSQL.")
    return str(found)


def call(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")


def frozen(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as link:
        return link.execute(FROZEN).fetchall()
