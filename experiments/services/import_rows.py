"""The way of pairs into the tables, in batches of flat size."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from django.db import connection

from experiments.importers.pair_rows import HEAD, TAIL, case_row, output_row
from experiments.importers.pairs import Pair

T = TypeVar("T")

BATCH = 4000
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


def copy(statement: str, rows: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as writer:
        writer.write(HEAD)
        rows = iter(rows)
        while block := b"".join(islice(rows, 100)):
            writer.write(block)
        writer.write(TAIL)


def copy_packed(statement: str, rows: bytes) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as writer:
        writer.write(HEAD)
        writer.write(rows)
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
