"""The cases of a run that have their output, in chunks of flat size, as scorers want them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from experiments.scorers.base import Case, Response

MOST_CASES, FEWEST_CASES = 2000, 20
CHUNK_CHARACTERS = 16_000_000
NEXT_CASES = """
SELECT item.case_id, evalcase.prompt, evalcase.expected, evalcase.checks, evalcase.category, output.text,
       output.tool_calls, output.finish_reason, output.latency_ms, output.input_tokens, output.output_tokens,
       output.logprobs_sum, output.logprobs_n
FROM experiments_runitem AS item
JOIN experiments_evalcase AS evalcase ON evalcase.id = item.case_id
JOIN experiments_output AS output ON output.id = item.output_id
WHERE item.run_id = %s AND item.state = 'done' AND item.case_id > %s
ORDER BY item.case_id LIMIT %s
"""


@dataclass(frozen=True)
class Answered:
    case_id: int
    case: Case
    response: Response


def chunks(run_id: UUID, *, most: int = MOST_CASES) -> Iterator[list[Answered]]:
    """In the order of their ids; long texts make the next chunk shorter."""
    last, size = 0, min(most, 200)
    while rows := fetch(run_id, last, size):
        yield [answered(row) for row in rows]
        last = rows[-1][0]
        characters = sum(len(row[1]) + len(row[5]) for row in rows) / len(rows)
        size = max(FEWEST_CASES, min(most, int(CHUNK_CHARACTERS / (characters + 1))))


def fetch(run_id: UUID, last: int, size: int) -> Sequence[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_CASES, [run_id, last, size])
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows


def answered(row: Sequence[Any]) -> Answered:
    case_id, prompt, expected, checks, category, text, calls, finish, latency, tokens_in, tokens_out, total, n = row
    return Answered(
        case_id,
        Case(prompt=prompt, expected=expected, checks=decoded(checks) or {}, category=category),
        Response(
            text=text,
            tool_calls=decoded(calls),
            finish_reason=finish,
            latency_ms=latency,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            logprobs_sum=total,
            logprobs_n=n,
        ),
    )


def decoded(value: Any) -> Any:
    """Django leaves jsonb as text where a query is written by hand."""
    if value is None or value == "{}":
        return None
    return orjson.loads(value) if isinstance(value, str) else value
