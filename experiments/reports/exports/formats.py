"""Rows as bytes, a block at a time: memory stays flat however long the table is."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import Any

import orjson

from experiments.reports.exports.spreadsheets import neutralised

BLOCK = 500
Row = Sequence[Any]


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    yield csv_block([columns])
    for block in blocks(rows):
        yield csv_block([neutralised(flat(value)) for value in row] for row in block)


def as_json_lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Without loss: every text as it is stored."""
    for block in blocks(rows):
        yield b"".join(
            orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE) for row in block
        )


def blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while block := list(islice(rows, BLOCK)):
        yield block


def csv_block(rows: Iterable[Sequence[object]]) -> bytes:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def flat(value: Any) -> Any:
    """Lists and objects as JSON in one cell."""
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value
