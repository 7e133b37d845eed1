"""Parquet, read by a child process with limits: a crafted file can at worst kill the child."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from experiments.importers import json_value
from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Problem, Report, Unfit, Unreadable

Record = tuple[int, dict[str, Any]]
CHILD = Path(__file__).with_name("parquet_child.py")
MEMORY = 1536 * 1024 * 1024
"""Address space, of which Python and pyarrow take about 250 MB before the first row."""
SECONDS = 1800
TELL_EVERY = 1000


def records(
    path: Path,
    *,
    limits: Limits,
    report: Report,
    number: int = 1,
    tell: Callable[[int], None] | None = None,
    memory: int = MEMORY,
    seconds: int = SECONDS,
) -> Iterator[Record]:
    """(row from 1, fields). `tell` hears the share of rows read, as bytes.

    Raises Unreadable for what is not Parquet, or needs too much memory or time.
    """
    command = [sys.executable, "-I", str(CHILD), str(path), str(memory), str(seconds)]
    environment = {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd="/"
    ) as child:
        assert child.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        try:
            size = path.stat().st_size
            for row, record, rows in parsed(child.stdout, limits, report, number):
                yield row, record
                if tell and row % TELL_EVERY == 0:
                    tell(size * row // max(rows, row))
            child.wait()
        finally:
            child.kill()
    if child.returncode:
        raise died(child.returncode)


def parsed(stdout: IO[bytes], limits: Limits, report: Report, number: int) -> Iterator[tuple[int, dict[str, Any], int]]:
    """(row, fields, rows in all)."""
    row = rows = 0
    # JSON escapes may take six bytes for one of the file's.
    longest = limits.row_bytes * 6
    while line := stdout.readline(longest):
        if line.startswith(b"#"):
            rows = int(line[1:])
            continue
        row += 1
        if line.startswith(b"!"):
            told = orjson.loads(line[1:])
            if "columns" not in told:
                raise Unreadable(Kind.BAD_FILE, f"the Parquet file cannot be read: {told['reason']}")
            for column, reason in told["columns"].items():
                report(Problem(row, column, Kind.BAD_ENCODING, reason, number))
            continue
        if not line.endswith(b"\n"):
            raise Unreadable(Kind.TOO_LONG, f"row {row} is longer than {limits.row_bytes:,} bytes")
        try:
            yield row, json_value.parse(line), rows
        except Unfit as problem:
            report(problem.at(row, number))


def died(code: int) -> Unreadable:
    if code == -signal.SIGXCPU or code == -signal.SIGKILL:
        return Unreadable(Kind.BAD_FILE, "the Parquet file takes too long to read")
    return Unreadable(
        Kind.BAD_FILE,
        "the Parquet file needs more memory than a reader may take: write it with row groups of at most 100,000 rows",
    )
