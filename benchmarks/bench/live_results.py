"""A live test of many units: computing its result from their sums in a worker, and reading its page."""

import os
from collections.abc import Iterable
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from benchmarks.bench.results import measured, seconds
from benchmarks.stack import running
from benchmarks.table import Row
from evalsite.platform import invitations
from evalsite.platform.models import Role
from experiments.models import LiveTest, ModelVersion
from experiments.services import live_results
from experiments.services.live_tests import drafting, registering
from experiments.services.live_tests import running as steps

SIZES = [10_000, 100_000, *([1_000_000] if os.environ.get("EVALSITE_BENCH_FULL") == "1" else [])]
LONGEST_PAGE_MS = 100
MOST_QUERIES = 10
EXPOSED = """
INSERT INTO experiments_exposure (live_test_id, unit_id, arm, source, exposed_at, segment)
SELECT %(test)s, 'unit-' || n, CASE n %% 2 WHEN 0 THEN 'control' ELSE 'treatment' END, 'assigned',
       now() - (n %% 1209600) * interval '1 second', '{}'
FROM generate_series(1, %(units)s) AS n
"""
COMPLETED = """
INSERT INTO experiments_unitmetric (live_test_id, metric, unit_id, n, total, denominator, values)
SELECT %(test)s, 'completion', 'unit-' || n, 1, 1, 0, '{}' FROM generate_series(1, %(units)s) AS n
WHERE (hashint8(n * 17) & 1023) < CASE n %% 2 WHEN 0 THEN 730 ELSE 740 END
"""
TURNS = """
INSERT INTO experiments_unitmetric (live_test_id, metric, unit_id, n, total, denominator, values)
SELECT %(test)s, 'turns', 'unit-' || n, 3, hashint8(n * 7) & 15, 0, '{}' FROM generate_series(1, %(units)s) AS n
"""
LATENCY = """
INSERT INTO experiments_unitmetric (live_test_id, metric, unit_id, n, total, denominator, values)
SELECT %(test)s, 'latency', 'unit-' || n, 1, 0, 0, ARRAY[((hashint8(n * 5) & 1023) + 200)::float8]
FROM generate_series(1, %(units)s) AS n
"""
COUNT = """
SELECT arm, count(*), sum(total), sum(total * total) FROM experiments_exposure AS exposure
JOIN experiments_unitmetric AS sums USING (live_test_id, unit_id) WHERE live_test_id = %(test)s AND metric = 'turns'
GROUP BY arm
"""
METRICS = [
    {"key": "completion", "title": "Completion", "role": "primary", "kind": "rate", "event": "completed"},
    {"key": "turns", "title": "Turns", "role": "secondary", "kind": "mean", "event": "turn", "cap": 12},
    {"key": "latency", "title": "Latency P95", "role": "guardrail", "kind": "quantile", "event": "answered", "q": 0.95},
]
PLAN = {"routing": {"split": 0.5}, "metrics": METRICS, "baseline": 0.71, "mde": 0.01, "days": 14}


def rows() -> Iterable[Row]:
    settings.ALLOWED_HOSTS.append("testserver")
    with running(workers=0):
        lead = invitations.create_person(username="lead of live tests", password=None, roles=[Role.LEAD])
        client = Client()
        client.force_login(lead, backend="evalsite.platform.roles.RoleBackend")
        first: dict[str, float] = {}
        for size in SIZES:
            live_test = made(size)
            yield computing(live_test, size)
            yield page(client, live_test, size, first)


def made(units: int) -> LiveTest:
    """A running test of so many units with sums of three metrics, by SQL."""
    now = timezone.now()
    arms = [
        ModelVersion.objects.create(name=f"arm {uuid4()}", version="1", content_hash=uuid4().hex * 2, created_at=now)
        for _ in range(2)
    ]
    live_test = drafting.create(
        name=f"Live test of {units:,} units",
        key=f"bench-{units}-{uuid4().hex[:8]}",
        control=arms[0],
        treatment=arms[1],
        experiment=None,
        draft=PLAN,
        token=uuid4(),
        created_by=None,
        now=now,
    )
    registering.register(live_test=live_test, registered_by=None, now=now)
    steps.start(live_test=live_test, actor=None, now=now)
    with connection.cursor() as cursor:
        for statement in (EXPOSED, COMPLETED, TURNS, LATENCY):
            cursor.execute(statement, {"test": live_test.pk, "units": units})
        cursor.execute("VACUUM ANALYZE experiments_exposure, experiments_unitmetric")
    live_test.refresh_from_db()
    return live_test


def computing(live_test: LiveTest, units: int) -> Row:
    """Beside the least anybody could do: one join of the units to one metric's sums, summed up by arm."""
    ours = seconds(lambda: live_results.calculate(live_test=live_test, now=timezone.now()))
    least = seconds(lambda: one_join(live_test))
    return Row(
        f"result of {units:,} units, 3 metrics",
        f"{ours:.2f} s",
        f"{least:.2f} s to join and sum one metric",
        f"{ours / least:.1f} x",
        note="health, metrics, quantile of single values, differences over time and distributions",
    )


def one_join(live_test: LiveTest) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"test": live_test.pk})
        cursor.fetchall()


def page(client: Client, live_test: LiveTest, units: int, first: dict[str, float]) -> Row:
    milliseconds, queries = measured(client, f"/live-tests/{live_test.key}/")
    growth = milliseconds / first.setdefault("page", milliseconds)
    return Row(
        f"page of a live test of {units:,} units",
        f"{milliseconds:.0f} ms, {queries} queries",
        ratio=f"{growth:.2f} x that at {SIZES[0]:,}",
        bound=f"{LONGEST_PAGE_MS} ms, {MOST_QUERIES} queries",
        ok=milliseconds <= LONGEST_PAGE_MS and queries <= MOST_QUERIES,
    )
