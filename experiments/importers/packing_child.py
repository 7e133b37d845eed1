"""The child process that reads a large file and packs its pairs, while its parent writes what it packed before.

Run as `python -m experiments.importers.packing_child` with an Order as JSON on standard input. Out come frames: number
of pairs and two lengths, then the rows of cases and those of outputs. A frame of -1 pairs says why it ends, one of 0
that all is read: without it the child has died.
"""

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import IO, Any

import orjson

from experiments.importers.mapping import Mapping
from experiments.importers.pair_reading import read_pairs
from experiments.importers.pair_rows import case_row, output_row
from experiments.importers.pairs import Pair
from experiments.importers.problems import Problem, Severity, Unreadable
from experiments.importers.sniff import Format
from experiments.importers.source import Source

# Few at first, so that the other process has something to write while the next are packed.
FIRST_BATCH, BATCH = 500, 2000
FRAME = Struct("!qqq")


@dataclass(frozen=True)
class Order:
    """What to read, and the numbers that its rows get: ids of cases run from `first_id`."""

    sources: list[tuple[str, str, int]]
    mapping: dict[str, Any]
    eval_set: int
    first_id: int
    baseline: int
    candidate: int

    def pairs(self) -> Iterator[Pair]:
        sources = [Source(Path(path), Format(kind), number) for path, kind, number in self.sources]
        mapping = Mapping(**{**self.mapping, "metadata": tuple(self.mapping["metadata"])})
        return read_pairs(sources, mapping=mapping, report=refuse)


class Refused(Exception):
    """A problem that the dry run did not find."""


def refuse(problem: Problem) -> None:
    if problem.severity == Severity.ERROR:
        raise Refused(orjson.dumps([problem.row, problem.reason]))


def main(given: bytes, out: IO[bytes]) -> None:
    order = Order(**orjson.loads(given))
    pairs, done = order.pairs(), 0
    try:
        while batch := list(islice(pairs, BATCH if done else FIRST_BATCH)):
            cases, outputs = packed(order, done, batch)
            done += len(batch)
            out.write(b"".join((FRAME.pack(len(batch), len(cases), len(outputs)), cases, outputs)))
            out.flush()
        out.write(FRAME.pack(0, 0, 0))
    except (Refused, Unreadable) as error:
        problem = error.args[0] if isinstance(error, Refused) else told(error.problem())
        out.write(FRAME.pack(-1, len(problem), 0) + problem)


def told(problem: Problem) -> bytes:
    return orjson.dumps([problem.row, problem.reason])


def packed(order: Order, done: int, batch: list[Pair]) -> tuple[bytes, bytes]:
    cases, outputs = [], []
    for place, pair in enumerate(batch, start=done):
        case = order.first_id + place
        cases.append(case_row(case, order.eval_set, place, pair))
        outputs.append(output_row(order.baseline, case, pair.baseline))
        outputs.append(output_row(order.candidate, case, pair.candidate))
    return b"".join(cases), b"".join(outputs)


if __name__ == "__main__":
    # Rows come and go by the million and hold no circles: looking for some took a fifth of the time.
    gc.disable()
    main(sys.stdin.buffer.read(), sys.stdout.buffer)
