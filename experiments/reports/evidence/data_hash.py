"""A hash of the rows behind the evidence: the same rows give the same hash, in any order and on any machine."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from experiments.models import BenchmarkRun
from experiments.reports.evidence.live import Live
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.evidence.suites import Suite

# Sums of 64 bits of the MD5 of each row do not depend on their order; a changed, lost or added row changes them.
# A row's text quotes its columns and tells NULL from empty; floats are written by their bits, moments by their seconds.
ROWS = "SELECT count(*), coalesce(sum(('x' || left(md5(ROW({columns})::text), 16))::bit(64)::bigint::numeric), 0) "
ITEMS = (
    ROWS.format(
        columns="evalcase.external_id, item.state, item.error_class, output.text, output.error, "
        "float8send(output.latency_ms), output.input_tokens, output.output_tokens, output.tool_calls"
    )
    + """
FROM experiments_runitem AS item
JOIN experiments_evalcase AS evalcase ON evalcase.id = item.case_id
LEFT JOIN experiments_output AS output ON output.id = item.output_id
WHERE item.run_id = %s
"""
)
SCORES = (
    ROWS.format(columns="evalcase.external_id, float8send(score.value), score.passed")
    + """
FROM experiments_score AS score JOIN experiments_evalcase AS evalcase ON evalcase.id = score.case_id
WHERE score.run_scorer_id = %s
"""
)
JUDGMENTS = (
    ROWS.format(
        columns="assignment.task_id, assignment.reviewer_id, assignment.first_option, pair.candidate_option, "
        "pair.gold, judgment.choice, judgment.criteria"
    )
    + """
FROM annotations_assignment AS assignment
JOIN annotations_judgment AS judgment ON judgment.id = assignment.current_judgment_id
JOIN experiments_blindedpair AS pair ON pair.task_id = assignment.task_id
WHERE assignment.campaign_id = %s AND assignment.state = 'judged' AND NOT assignment.surplus
"""
)
EXPOSURES = (
    ROWS.format(columns="unit_id, arm, extract(epoch FROM exposed_at)")
    + "FROM experiments_exposure WHERE live_test_id = %s"
)
UNIT_METRICS = (
    ROWS.format(
        columns="metric, unit_id, n, float8send(total), float8send(denominator), float8send(before), "
        "array_to_string(values, ' ')"
    )
    + "FROM experiments_unitmetric WHERE live_test_id = %s"
)


# In which form a session writes bytes and floats as text is its own affair; here it is one form for all.
FORMS = "SELECT set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)"


@transaction.atomic
def data_hash(suites: Sequence[Suite], reviews: Reviews, tests: Sequence[Live]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(FORMS)
    parts: dict[str, Any] = {
        "benchmarks": [of_suite(one) for one in suites if one.missing is None],
        "campaigns": [
            [str(one.uuid), reviews.plans[one.pk].hash, *rows(JUDGMENTS, one.pk)] for one in reviews.campaigns
        ],
        "live_tests": [of_live(one) for one in tests],
    }
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def of_suite(suite: Suite) -> list[Any]:
    runs = [[run.model_version.content_hash, *prices_of(run), *rows(ITEMS, run.pk)] for run in suite.runs]
    scores = [
        [pair.key, pair.baseline.fingerprint, *rows(SCORES, pair.baseline.pk), *rows(SCORES, pair.candidate.pk)]
        for pair in sorted(suite.pairs, key=lambda pair: pair.key)
    ]
    return [suite.eval_set.content_hash, suite.suite.role, runs, scores]


def prices_of(run: BenchmarkRun) -> list[str]:
    """Costs are told by them, and they may be edited."""
    endpoint = run.model_version.endpoint
    if endpoint is None:
        return []
    return [str(endpoint.price_per_million_input), str(endpoint.price_per_million_output), endpoint.currency]


def of_live(live: Live) -> list[Any]:
    plan = live.payload.plan_sha256 if live.payload else ""
    return [live.test.key, plan, *rows(EXPOSURES, live.test.pk), *rows(UNIT_METRICS, live.test.pk)]


def rows(statement: str, key: UUID | int) -> list[str]:
    """How many there are, and the sum of their hashes."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [key])
        return [str(one) for one in cursor.fetchone()]
