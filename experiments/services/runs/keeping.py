"""Results into rows: a group at a time, in one statement, by whoever still holds both the job and the items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import psycopg
from django.db import connection

from experiments.models import Endpoint
from experiments.services.runs.calling import Result

MILLION = 1_000_000
LONGEST_DETAIL = 500
LARGEST_INTEGER = 2**31 - 1

# One round trip and one commit for some 64 cases. The rows travel as one JSON text, which costs Python next to nothing.
# A result counts only while the job's token and the item's lease are ours, so a zombie's late results are refused.
# The run is locked before its items, as those do who pause or end it.
# An output that another run stored a moment ago stands; this item then points at it.
KEEP = """
WITH holder AS (
    SELECT job.id FROM platform_job AS job, experiments_benchmarkrun AS run
    WHERE job.id = %(job)s AND job.token = %(delivery)s AND job.status = 'running' AND run.id = %(run)s
    FOR NO KEY UPDATE OF job, run
), result AS (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS r(
        item bigint, case_id bigint, number smallint, began timestamptz, elapsed_ms float8, error text, final boolean,
        status smallint, detail text, input_tokens integer, output_tokens integer, concurrency smallint,
        not_before timestamptz, has_output boolean, text text, tool_calls jsonb, finish_reason text,
        latency_ms float8, logprobs_sum float8, logprobs_n integer)
), held AS (
    SELECT result.* FROM result
    JOIN experiments_runitem AS item ON item.id = result.item
    CROSS JOIN holder
    WHERE item.lease_token = %(lease)s AND item.state = 'waiting' AND item.run_id = %(run)s
    FOR NO KEY UPDATE OF item
), made AS (
    INSERT INTO experiments_output (
        model_version_id, case_id, text, latency_ms, input_tokens, output_tokens, finish_reason, error, tool_calls,
        logprobs_sum, logprobs_n, concurrency)
    SELECT %(model_version)s, case_id, text, latency_ms, input_tokens, output_tokens, finish_reason, error,
           tool_calls, logprobs_sum, logprobs_n, concurrency
    FROM held WHERE has_output
    ON CONFLICT (model_version_id, case_id) DO NOTHING
    RETURNING id, case_id, error
), stands AS (
    SELECT id, case_id, error FROM made
    UNION ALL
    SELECT output.id, output.case_id, output.error FROM experiments_output AS output
    WHERE output.model_version_id = %(model_version)s
      AND output.case_id = ANY (SELECT case_id FROM held WHERE has_output)
), kept AS (
    UPDATE experiments_runitem AS item SET
        state = CASE WHEN NOT held.final THEN 'waiting'
                     WHEN COALESCE(stands.error, held.error) = '' THEN 'done' ELSE 'error' END,
        output_id = stands.id,
        error_class = CASE WHEN held.final THEN COALESCE(stands.error, held.error) ELSE '' END,
        error_detail = held.detail,
        attempts = held.number,
        not_before = held.not_before,
        lease_token = CASE WHEN held.final THEN NULL ELSE item.lease_token END,
        lease_until = CASE WHEN held.final THEN NULL ELSE item.lease_until END,
        finished_at = CASE WHEN held.final THEN %(now)s END
    FROM held LEFT JOIN stands ON held.has_output AND stands.case_id = held.case_id
    WHERE item.id = held.item AND (NOT held.has_output OR stands.id IS NOT NULL)
    RETURNING item.id, item.state
), tried AS (
    INSERT INTO experiments_attempt (
        item_id, number, started_at, elapsed_ms, error_class, status_code, detail, input_tokens, output_tokens,
        concurrency)
    SELECT held.item, number, began, elapsed_ms, error, status, detail, input_tokens, output_tokens, concurrency
    FROM held JOIN kept ON kept.id = held.item
    RETURNING input_tokens, output_tokens
), used AS (
    SELECT COALESCE(sum(input_tokens), 0) AS input_tokens, COALESCE(sum(output_tokens), 0) AS output_tokens FROM tried
), counted AS (
    SELECT count(*) FILTER (WHERE state = 'done') AS n_done, count(*) FILTER (WHERE state = 'error') AS n_errors
    FROM kept
)
UPDATE experiments_benchmarkrun AS run SET
    n_done = run.n_done + counted.n_done,
    n_errors = run.n_errors + counted.n_errors,
    input_tokens = run.input_tokens + used.input_tokens,
    output_tokens = run.output_tokens + used.output_tokens,
    cost = run.cost + used.input_tokens * %(input_price)s::numeric + used.output_tokens * %(output_price)s::numeric
FROM counted, used
WHERE run.id = %(run)s
RETURNING run.status, run.n_cases - run.n_done - run.n_errors, run.cost, run.budget,
          (SELECT count(*) FROM holder), ARRAY(SELECT id FROM kept)
"""


@dataclass(frozen=True)
class Desk:
    """Where a lane's results belong, and by which tokens it may put them there."""

    run_id: UUID
    model_version_id: int
    job_id: UUID
    delivery: int
    lease: UUID
    input_price: Decimal
    output_price: Decimal


@dataclass(frozen=True)
class Kept:
    """How the run stands after a group; `items` are those whose result counted."""

    status: str
    n_left: int
    cost: Decimal
    budget: Decimal | None
    is_ours: bool
    items: frozenset[int]


def price_per_token(endpoint: Endpoint) -> tuple[Decimal, Decimal]:
    prices = (endpoint.price_per_million_input, endpoint.price_per_million_output)
    first, second = (Decimal(price or 0) / MILLION for price in prices)
    return first, second


def keep(desk: Desk, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> Kept:
    kept = keep_once(desk, rows, now=now)
    # The other run's output was not visible yet: now it is.
    missed = [row for row in rows if row["has_output"] and row["item"] not in kept.items]
    if kept.is_ours and missed:
        again = keep_once(desk, missed, now=now)
        return Kept(again.status, again.n_left, again.cost, again.budget, again.is_ours, kept.items | again.items)
    return kept


def keep_once(desk: Desk, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> Kept:
    values = {
        "job": desk.job_id,
        "delivery": desk.delivery,
        "lease": desk.lease,
        "run": desk.run_id,
        "model_version": desk.model_version_id,
        "input_price": desk.input_price,
        "output_price": desk.output_price,
        "rows": orjson.dumps(rows).decode(),
        "now": now,
    }
    connection.ensure_connection()
    # Prepared on the server: planning this statement anew would take longer than running it.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(KEEP, values, prepare=True)
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"run {desk.run_id} is gone")
    status, n_left, cost, budget, holders, items = row
    return Kept(status, n_left, cost, budget, bool(holders), frozenset(items))


def row_of(result: Result, *, not_before: datetime | None) -> dict[str, Any]:
    """`not_before` is when the case is tried again; None where this was its last try."""
    answer, error = result.answer, result.error
    row: dict[str, Any] = {
        "item": result.item.item_id,
        "case_id": result.item.case_id,
        "number": result.number,
        "began": result.began,
        "elapsed_ms": result.elapsed_ms,
        "error": error.error_class if error else "",
        "final": not_before is None,
        "status": error.status if error else 200,
        "detail": error.detail.replace("\0", "")[:LONGEST_DETAIL] if error else "",
        "concurrency": result.concurrency,
        "not_before": not_before,
        "has_output": answer is not None and not_before is None,
    }
    if answer:
        row |= {
            "text": answer.text,
            "tool_calls": answer.tool_calls,
            "finish_reason": answer.finish_reason[:50],
            "latency_ms": answer.latency_ms,
            "input_tokens": whole(answer.input_tokens),
            "output_tokens": whole(answer.output_tokens),
            "logprobs_sum": answer.logprobs_sum,
            "logprobs_n": whole(answer.logprobs_n),
        }
    return row


def whole(value: int | None) -> int | None:
    return value if value is None or 0 <= value <= LARGEST_INTEGER else None
