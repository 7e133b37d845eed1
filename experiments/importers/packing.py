"""Pairs of a large file, read and packed by a child process: on another core, out of the way of who writes them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

import orjson

from experiments.importers.packing_child import FRAME, Order

ROOT = Path(__file__).resolve().parents[2]
PIPE_BYTES = 1 << 20
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


class Packer:
    """The child, started before it is known what it shall read: until then it loads its modules."""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, pipesize=PIPE_BYTES, cwd=ROOT)
        return self

    def packed(self, order: Order) -> Iterator[Packed]:
        """In the order of the file, once. Raises Stopped, and Died where the child does."""
        stdin, stdout = self.child.stdin, self.child.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - pipes, for the type checker
        try:
            stdin.write(orjson.dumps(asdict(order)))
            stdin.close()
        except BrokenPipeError:
            raise Died from None
        return frames(stdout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.kill()
        with suppress(BrokenPipeError), self.child:
            pass


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
