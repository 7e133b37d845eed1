"""Pairs of a large file, read and packed by a child process: on another core, out of the way of who writes them."""

import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, NamedTuple

import orjson

from experiments.importers.packing_child import FRAME, Order

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "experiments.importers.packing_child"]


class Packed(NamedTuple):
    """Rows of binary COPY, without its head and tail."""

    n: int
    cases: bytes
    outputs: bytes


class Stopped(Exception):
    """The file cannot be read to its end: the row, and why."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason


class Died(Exception):
    """The child ended before the file."""


def packed(order: Order) -> Generator[Packed, None, None]:
    """In the order of the file. Raises Stopped, and Died where the child does."""
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 - pipes, for the type checker
        try:
            child.stdin.write(orjson.dumps(asdict(order)))
            child.stdin.close()
            yield from frames(child.stdout)
        finally:
            child.kill()


def frames(stdout: IO[bytes]) -> Iterator[Packed]:
    while len(head := stdout.read(FRAME.size)) == FRAME.size:
        n, length, more = FRAME.unpack(head)
        if n == 0:
            return
        first, second = stdout.read(length), stdout.read(more)
        if len(first) < length or len(second) < more:
            break
        if n < 0:
            raise Stopped(*orjson.loads(first))
        yield Packed(n, first, second)
    raise Died
