"""Scores as bytes of PostgreSQL's binary COPY, and which of them stand already."""

import math
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any

import orjson
from django.db import connection

from experiments.scorers.base import ScoreResult
from experiments.services.import_rows import copy

COPY_SCORES = "COPY experiments_score (run_scorer_id, case_id, value, passed, detail) FROM STDIN (FORMAT BINARY)"
# Number of fields, then length and value of each: int8, int8, float8 or NULL, bool or NULL, jsonb.
START = Struct("!hiqiq").pack
VALUE = Struct("!id").pack
LENGTH = Struct("!i").pack
NULL = LENGTH(-1)
PASSED = {True: LENGTH(1) + b"\x01", False: LENGTH(1) + b"\x00", None: NULL}
EMPTY_DETAIL = LENGTH(3) + b"\x01{}"
STANDING = """
SELECT run_scorer_id, case_id FROM experiments_score
WHERE run_scorer_id = ANY(%s) AND case_id BETWEEN %s AND %s
"""

Scored = tuple[int, int, ScoreResult]
"""Run scorer, case, and what came of it."""


def standing(run_scorers: Sequence[int], first_case: int, last_case: int) -> set[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [list(run_scorers), first_case, last_case])
        return set(cursor.fetchall())


def write(scored: Iterable[Scored]) -> None:
    copy(COPY_SCORES, (row(*one) for one in scored))


def row(run_scorer_id: int, case_id: int, result: ScoreResult) -> bytes:
    value = result.value
    is_number = value is not None and math.isfinite(value)
    return b"".join(
        (
            START(5, 8, run_scorer_id, 8, case_id),
            VALUE(8, value) if is_number else NULL,
            PASSED[result.passed if is_number else None],
            detail_of(result),
        )
    )


def detail_of(result: ScoreResult) -> bytes:
    detail: dict[str, Any] = dict(result.detail)
    if result.reason:
        detail["reason"] = result.reason
    if not detail:
        return EMPTY_DETAIL
    data = b"\x01" + jsonb_text(detail)
    return LENGTH(len(data)) + data


def jsonb_text(detail: Any) -> bytes:
    """What was parsed out of a response may hold what jsonb cannot: NUL, lone surrogates, endless integers."""
    try:
        data = orjson.dumps(detail)
    except TypeError:
        data = orjson.dumps(storable(detail))
    return data.replace(b"\\u0000", b"\\ufffd") if b"\\u0000" in data else data


def storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(storable(key)): storable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(entry) for entry in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return str(value)
