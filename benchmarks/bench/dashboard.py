"""A lead's dashboard over much evidence: gathering it in a worker, and reading the page."""

import os
from collections.abc import Iterable
from hashlib import sha256
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.bench.results import measured, seconds
from benchmarks.judged import Judged, make_judged
from benchmarks.stack import running
from benchmarks.table import Row
from experiments.deciding.presets import PRESETS
from experiments.models import BenchmarkRun, EvidenceSnapshot, Experiment, ModelVersion, RunScorer
from experiments.services import comparisons, evidence, live_results, policies, results
from experiments.services.live_tests import drafting, registering
from experiments.services.live_tests import running as live

SIZES = [10_000, 100_000, *([1_000_000] if os.environ.get("EVALSITE_BENCH_FULL") == "1" else [])]
LONGEST_PAGE_MS = 100
MOST_QUERIES = 10

ITEMS = """
INSERT INTO experiments_runitem (run_id, case_id, state, output_id, error_class, error_detail, attempts, finished_at)
SELECT %(run)s, output.case_id, 'done', output.id, '', '', 0, now()
FROM experiments_output AS output JOIN experiments_evalcase AS evalcase ON evalcase.id = output.case_id
WHERE output.model_version_id = %(model)s AND evalcase.eval_set_id = %(set)s
"""
SCORES = """
INSERT INTO experiments_score (run_scorer_id, case_id, value, passed, detail)
SELECT %(scorer)s, id, given::int, given, '{}'
FROM (SELECT id, (hashint8(id * 31 + %(seed)s) & 1023) < %(hits)s AS given
      FROM experiments_evalcase WHERE eval_set_id = %(set)s) AS scored
"""
EXPOSED = """
INSERT INTO experiments_exposure (live_test_id, unit_id, arm, source, exposed_at, segment)
SELECT %(test)s, 'unit-' || n, CASE n %% 2 WHEN 0 THEN 'control' ELSE 'treatment' END, 'assigned',
       now() - (n %% 86400) * interval '1 second', '{}'
FROM generate_series(1, %(units)s) AS n
"""
SUMS = """
INSERT INTO experiments_unitmetric (live_test_id, metric, unit_id, n, total, denominator, values)
SELECT %(test)s, 'completion', 'unit-' || n, 1, 1, 0, '{}'
FROM generate_series(1, %(units)s) AS n
WHERE (hashint8(n * 17) & 1023) < CASE n %% 2 WHEN 0 THEN 730 ELSE 808 END
"""
PLAN = {
    "routing": {"salt": "bench", "split": 0.5},
    "metrics": [
        {"key": "completion", "title": "Completion", "role": "primary", "kind": "rate", "event": "task_completed"}
    ],
    "baseline": 0.7,
    "mde": 0.05,
    "days": 14,
    "method": "confidence_sequence",
}


def rows() -> Iterable[Row]:
    settings.ALLOWED_HOSTS.append("testserver")
    with running(workers=0):
        first: dict[str, float] = {}
        for size in SIZES:
            judged = make_judged(judgments=size)
            fill(judged.experiment, units=size)
            results.compute(campaign=judged.campaign, now=timezone.now())
            yield gathering(judged, size)
            yield page(judged, size, first)


def fill(experiment: Experiment, *, units: int) -> None:
    """Scored runs of both models over its set, and a live test of so many units, by SQL; then the usual services."""
    suite = experiment.suites.select_related("eval_set").get()
    for model, hits in ((experiment.baseline, 730), (experiment.candidate, 808)):
        scored_run(model, suite.eval_set_id, suite.eval_set.n_cases, hits)
    comparisons.get_or_compute(
        baseline_run=BenchmarkRun.objects.get(model_version=experiment.baseline),
        candidate_run=BenchmarkRun.objects.get(model_version=experiment.candidate),
        experiment=experiment,
        now=timezone.now(),
    )
    live_test(experiment, units)
    chosen = PRESETS["default"].policy
    policies.save_draft(experiment=experiment, policy=chosen, actor=None, now=timezone.now())
    policies.register(
        experiment=experiment, token=uuid4(), seen_sha256=chosen.sha256, registered_by=None, now=timezone.now()
    )


def scored_run(model: ModelVersion, eval_set: int, n_cases: int, hits: int) -> None:
    now = timezone.now()
    run = BenchmarkRun.objects.create(
        model_version=model,
        eval_set_id=eval_set,
        status=BenchmarkRun.Status.DONE,
        n_cases=n_cases,
        n_done=n_cases,
        created_at=now,
        finished_at=now,
    )
    scorer = RunScorer.objects.create(
        run=run,
        key="exact_match",
        scorer="exact_match",
        version=1,
        fingerprint=sha256(b"exact_match").hexdigest(),
        is_primary=True,
        n_scored=n_cases,
        finished_at=now,
    )
    with connection.cursor() as cursor:
        cursor.execute(ITEMS, {"run": run.pk, "model": model.pk, "set": eval_set})
        cursor.execute(SCORES, {"scorer": scorer.pk, "set": eval_set, "seed": model.pk, "hits": hits})
        for table in ("experiments_runitem", "experiments_score"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def live_test(experiment: Experiment, units: int) -> None:
    now = timezone.now()
    made = drafting.create(
        name=f"{units:,} units",
        key=f"units-{units}",
        control=experiment.baseline,
        treatment=experiment.candidate,
        experiment=experiment,
        draft=PLAN,
        token=uuid4(),
        created_by=None,
        now=now,
    )
    registering.register(live_test=made, registered_by=None, now=now)
    live.start(live_test=made, actor=None, now=now)
    with connection.cursor() as cursor:
        cursor.execute(EXPOSED, {"test": made.pk, "units": units})
        cursor.execute(SUMS, {"test": made.pk, "units": units})
        for table in ("experiments_exposure", "experiments_unitmetric"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    live_results.calculate(live_test=made, now=timezone.now())


def gathering(judged: Judged, size: int) -> Row:
    reverse("experiments")  # a worker has read the addresses of the site before
    taken = seconds(lambda: evidence.compute(experiment=judged.experiment, now=timezone.now(), waits=True))
    row = EvidenceSnapshot.objects.get(experiment=judged.experiment)
    known = sum(criterion["estimate"] is not None for criterion in row.payload["criteria"])
    cases = judged.experiment.suites.select_related("eval_set").get().eval_set.n_cases
    return Row(
        f"gather {size:,} judgments, {cases:,} cases, {size:,} units",
        f"{taken:.1f} s",
        note=f"{row.verdict}, {known} criteria with a number, hash of all rows included",
    )


def page(judged: Judged, size: int, first: dict[str, float]) -> Row:
    client = Client()
    client.force_login(judged.lead, backend="evalsite.platform.roles.RoleBackend")
    milliseconds, queries = measured(client, f"/experiments/{judged.experiment.pk}/")
    growth = milliseconds / first.setdefault("dashboard", milliseconds)
    return Row(
        f"dashboard at {size:,} judgments and units",
        f"{milliseconds:.0f} ms, {queries} queries",
        ratio=f"{growth:.2f} x that at {SIZES[0]:,}",
        bound=f"{LONGEST_PAGE_MS} ms, {MOST_QUERIES} queries",
        ok=milliseconds <= LONGEST_PAGE_MS and queries <= MOST_QUERIES,
    )
