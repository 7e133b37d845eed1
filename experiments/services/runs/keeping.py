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
from psycopg.errors import UniqueViolation

from experiments.models import Endpoint, Output
from experiments.services.runs.calling import Result

MILLION = 1_000_000
LONGEST_DETAIL = 500
LARGEST_INTEGER = 2**31 - 1

# One round trip and one commit for some 64 cases. The rows travel as one JSON text, which costs Python next to nothing.
# A result counts only while the job's token and the item's lease are ours, so a zombie's late results are refused.
# The run is locked before its items, as those do who pause or end it.
# No two of these are joined, since PostgreSQL cannot know how many rows a statement returns: all come from `kept`.
# The holder is counted before the run is changed: afterwards this statement could not lock its row any more.
KEEP = """
WITH holder AS (
    SELECT job.id FROM platform_job AS job, experiments_benchmarkrun AS run
    WHERE job.id = %(job)s AND job.token = %(delivery)s AND job.status = 'running' AND run.id = %(run)s
    FOR NO KEY UPDATE OF job, run
), result AS (
    SELECT r.*, CASE WHEN has_output THEN nextval('experiments_output_id_seq') ELSE stands END AS output_id
    FROM json_to_recordset(%(rows)s::json) AS r(
        item bigint, case_id bigint, number smallint, began timestamptz, elapsed_ms float8, error text, tried text,
        final boolean, status smallint, detail text, input_tokens integer, output_tokens integer,
        concurrency smallint, not_before timestamptz, has_output boolean, stands bigint, text text,
        tool_calls jsonb, finish_reason text, latency_ms float8, logprobs_sum float8, logprobs_n integer)
), kept AS (
    UPDATE experiments_runitem AS item SET
        state = CASE WHEN NOT result.final THEN 'waiting' WHEN result.error = '' THEN 'done' ELSE 'error' END,
        output_id = result.output_id,
        error_class = CASE WHEN result.final THEN result.error ELSE '' END,
        error_detail = result.detail,
        attempts = result.number,
        not_before = result.not_before,
        lease_token = CASE WHEN result.final THEN NULL ELSE item.lease_token END,
        lease_until = CASE WHEN result.final THEN NULL ELSE item.lease_until END,
        finished_at = CASE WHEN result.final THEN %(now)s END
    FROM result CROSS JOIN holder
    WHERE item.id = result.item AND item.lease_token = %(lease)s AND item.state = 'waiting' AND item.run_id = %(run)s
    RETURNING result.*
), made AS (
    INSERT INTO experiments_output (
        id, model_version_id, case_id, text, latency_ms, input_tokens, output_tokens, finish_reason, error,
        tool_calls, logprobs_sum, logprobs_n, concurrency)
    SELECT output_id, %(model_version)s, case_id, text, latency_ms, input_tokens, output_tokens, finish_reason, error,
           tool_calls, logprobs_sum, logprobs_n, concurrency
    FROM kept WHERE has_output
), attempted AS (
    INSERT INTO experiments_attempt (
        item_id, number, started_at, elapsed_ms, error_class, status_code, detail, input_tokens, output_tokens,
        concurrency)
    SELECT item, number, began, elapsed_ms, tried, status, detail, input_tokens, output_tokens, concurrency FROM kept
), counted AS (
    SELECT count(*) FILTER (WHERE final AND error = '') AS n_done,
           count(*) FILTER (WHERE final AND error <> '') AS n_errors,
           COALESCE(sum(input_tokens), 0) AS input_tokens,
           COALESCE(sum(output_tokens), 0) AS output_tokens,
           COALESCE(array_agg(item), '{}') AS items,
           (SELECT count(*) FROM holder) AS n_holders
    FROM kept
)
UPDATE experiments_benchmarkrun AS run SET
    n_done = run.n_done + counted.n_done,
    n_errors = run.n_errors + counted.n_errors,
    input_tokens = run.input_tokens + counted.input_tokens,
    output_tokens = run.output_tokens + counted.output_tokens,
    cost = run.cost + counted.input_tokens * %(input_price)s::numeric
                    + counted.output_tokens * %(output_price)s::numeric
FROM counted
WHERE run.id = %(run)s
RETURNING run.status, run.n_cases - run.n_done - run.n_errors, run.cost, run.budget,
          counted.n_holders, counted.items
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
    try:
        return keep_once(desk, rows, now=now)
    except UniqueViolation:
        # Another run of the same model stored an answer to one of these cases a moment ago.
        return keep_once(desk, beside_what_stands(desk, rows), now=now)


def beside_what_stands(desk: Desk, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """An output that stands stays: the case points at it, and what was said now is an attempt without a text."""
    cases = [row["case_id"] for row in rows if row["has_output"]]
    outputs = Output.objects.filter(model_version=desk.model_version_id, case__in=cases)
    standing = {case: (pk, error) for case, pk, error in outputs.values_list("case_id", "pk", "error")}
    return [
        {**row, "has_output": False, "stands": standing[row["case_id"]][0], "error": standing[row["case_id"]][1]}
        if row["has_output"] and row["case_id"] in standing
        else row
        for row in rows
    ]


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
        "tried": error.error_class if error else "",
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
