"""Pairs as bytes of PostgreSQL's binary COPY, and their way into the tables in batches of flat size.

Built by hand: three rows per pair cost 2 microseconds this way, 9 through a generic row writer.
Format: https://www.postgresql.org/docs/current/sql-copy.html (Binary Format).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from struct import Struct
from typing import TypeVar

import orjson
from django.db import connection

from experiments.importers.pairs import Pair

T = TypeVar("T")

BATCH = 4000
HEAD, TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
CASE_COLUMNS = (
    "id, eval_set_id, position, external_id, system, turns, prompt, expected, category, tags, cluster, metadata"
)
COPY_CASES = f"COPY experiments_evalcase ({CASE_COLUMNS}) FROM STDIN (FORMAT BINARY)"
OUTPUT_COLUMNS = "model_version_id, case_id, finish_reason, error, text"
COPY_OUTPUTS = f"COPY experiments_output ({OUTPUT_COLUMNS}) FROM STDIN (FORMAT BINARY)"
# The name of the sequence is looked up once, in the inner SELECT, not for each number.
TAKE_IDS = """
SELECT min(id), max(id) FROM (
    SELECT nextval((SELECT pg_get_serial_sequence('experiments_evalcase', 'id')::regclass)) AS id
    FROM generate_series(1, %s)
) AS taken
"""
# Number of fields, then each field as its length and its value: int8, int8, int4; int8, int8, text '', text ''.
CASE_START = Struct("!hiqiqii").pack
OUTPUT_START = Struct("!hiqiqiii").pack
LENGTH = Struct("!i").pack
EMPTY = LENGTH(0)
EMPTY_LIST = LENGTH(3) + b"\x01[]"
EMPTY_OBJECT = LENGTH(3) + b"\x01{}"


def text(value: str) -> bytes:
    if not value:
        return EMPTY
    data = value.encode()
    return LENGTH(len(data)) + data


def jsonb(value: object) -> bytes:
    """Version 1 of jsonb's outer format, then the text."""
    data = b"\x01" + orjson.dumps(value)
    return LENGTH(len(data)) + data


def case_row(case_id: int, eval_set_id: int, position: int, pair: Pair) -> bytes:
    return b"".join(
        (
            CASE_START(12, 8, case_id, 8, eval_set_id, 4, position),
            text(pair.id),
            text(pair.system),
            jsonb(pair.turns) if pair.turns else EMPTY_LIST,
            text(pair.prompt),
            text(pair.expected),
            text(pair.category),
            jsonb(pair.tags) if pair.tags else EMPTY_LIST,
            text(pair.cluster),
            jsonb(pair.metadata) if pair.metadata else EMPTY_OBJECT,
        )
    )


def output_row(model_version_id: int, case_id: int, response: str) -> bytes:
    data = response.encode()
    return OUTPUT_START(5, 8, model_version_id, 8, case_id, 0, 0, len(data)) + data


def copy(statement: str, rows: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as writer:
        writer.write(HEAD)
        rows = iter(rows)
        while block := b"".join(islice(rows, 100)):
            writer.write(block)
        writer.write(TAIL)


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        yield batch


def new_case_ids(count: int) -> range:
    """A run of numbers from the sequence. Another writer may have come between: then the numbers are left unused."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(TAKE_IDS, [count])
            first, last = cursor.fetchone()
            if last - first + 1 == count:
                return range(first, last + 1)


def case_ids(eval_set_id: int, batch: Sequence[Pair]) -> list[int]:
    """Of a set that exists already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT external_id, id FROM experiments_evalcase WHERE eval_set_id = %s AND external_id = ANY(%s)",
            [eval_set_id, [pair.id for pair in batch]],
        )
        ids = dict(cursor.fetchall())
    return [ids[pair.id] for pair in batch]


def write_cases(eval_set_id: int, start: int, batch: Sequence[Pair]) -> range:
    ids = new_case_ids(len(batch))
    numbered = enumerate(zip(ids, batch, strict=True), start=start)
    copy(COPY_CASES, (case_row(case_id, eval_set_id, position, pair) for position, (case_id, pair) in numbered))
    return ids


def write_outputs(ids: Sequence[int], batch: Sequence[Pair], *, baseline: int | None, candidate: int | None) -> None:
    """Of the model versions given; None where their outputs stand already."""
    rows: list[bytes] = []
    for case_id, pair in zip(ids, batch, strict=True):
        if baseline is not None:
            rows.append(output_row(baseline, case_id, pair.baseline))
        if candidate is not None:
            rows.append(output_row(candidate, case_id, pair.candidate))
    if rows:
        copy(COPY_OUTPUTS, rows)
