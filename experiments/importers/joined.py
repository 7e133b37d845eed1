"""Two files as one: rows that share an id, or, where there are no ids, rows in the same place with the same prompt.

The second file waits on disk; in memory stand only a 64-bit hash and an offset for each of its rows.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import orjson

from experiments.importers import values
from experiments.importers.mapping import SECOND, Mapping
from experiments.importers.problems import Kind, Problem, Report, Unfit
from experiments.importers.source import Record, Source, Tell


def records(
    first: Source, second: Source, *, mapping: Mapping, report: Report, tell: Tell | None = None
) -> Iterator[Record]:
    """(row of the first file, its fields, and the second file's under "2:name")."""
    if mapping.id:
        return by_id(first, second, mapping, report, tell)
    return by_place(first, second, mapping, report, tell)


def by_place(first: Source, second: Source, mapping: Mapping, report: Report, tell: Tell | None) -> Iterator[Record]:
    """Only a prompt in both files can show that the rows belong together."""
    prompt = mapping.prompt.removeprefix(SECOND)
    both = (lambda done: tell(done * (first.size + second.size) // max(first.size, 1))) if tell else None
    for one, two in zip_longest(first.records(report, both), second.records(report)):
        if one is None or two is None:
            present, number = (one or two)[0], 1 if one else 2
            report(Problem(present, "", Kind.MISSING_COUNTERPART, "the other file has no such row", number))
        elif one[1].get(prompt) != two[1].get(prompt) or prompt not in one[1]:
            reason = "the two files have no id column, and their prompts differ in this row"
            report(Problem(one[0], prompt, Kind.PROMPTS_DIFFER, reason))
        else:
            yield one[0], merged(one[1], two[0], two[1])


def merged(record: dict[str, Any], row: int, other: dict[str, Any]) -> dict[str, Any]:
    return {**record, **{SECOND + name: value for name, value in other.items()}, SECOND: row}


def by_id(first: Source, second: Source, mapping: Mapping, report: Report, tell: Tell | None) -> Iterator[Record]:
    prompt = mapping.prompt.removeprefix(SECOND)
    later = (lambda done: tell(second.size + done)) if tell else None
    with spooled(second, mapping, report, tell) as spool:
        for row, record in first.records(report, later):
            try:
                key = values.identifier(record.get(mapping.id), mapping.id, first.limits.label)
            except Unfit as problem:
                report(problem.at(row))
                continue
            found = spool.take(key)
            if found is None:
                report(Problem(row, mapping.id, Kind.MISSING_COUNTERPART, f"the second file has no id {key!r}"))
                continue
            other_row, other = found
            if prompt in record and prompt in other and not same_prompt(record[prompt], other[prompt]):
                reason = f"id {key!r} has another prompt in row {other_row} of the second file"
                report(Problem(row, prompt, Kind.PROMPTS_DIFFER, reason))
                continue
            yield row, merged(record, other_row, other)
        spool.report_rest(report)


def same_prompt(one: Any, two: Any) -> bool:
    """Chat messages that end with each model's own answer are compared without it."""
    return bool(asked(one) == asked(two))


def asked(prompt: Any) -> Any:
    if isinstance(prompt, list) and prompt and isinstance(prompt[-1], dict) and prompt[-1].get("role") == "assistant":
        return prompt[:-1]
    return prompt


class Spool:
    """The second file's rows on disk, found by id."""

    def __init__(self, file: IO[bytes], column: str) -> None:
        self.file, self.column = file, column
        self.hashes, self.offsets = array("q"), array("q")
        self.taken = bytearray()

    def add(self, key: str, row: int, record: dict[str, Any], end: int) -> int:
        line = orjson.dumps([key, row, record])
        self.file.write(line)
        self.hashes.append(hash(key))
        self.offsets.append(end)
        return len(line)

    def sort(self, report: Report) -> None:
        """Order by hash, stable, so that of rows with one id the first stands first; the others are duplicates."""
        size = self.file.tell()
        hashes = np.frombuffer(self.hashes, dtype=np.int64)
        order = np.argsort(hashes, kind="stable")
        ends = np.append(np.frombuffer(self.offsets, dtype=np.int64)[1:], size) if len(order) else order
        self.ends = array("q", ends[order].tobytes())
        self.offsets = array("q", np.frombuffer(self.offsets, dtype=np.int64)[order].tobytes())
        self.hashes = array("q", hashes[order].tobytes())
        self.taken = bytearray(len(order))
        self.report_duplicates(report)

    def report_duplicates(self, report: Report) -> None:
        hashes = np.frombuffer(self.hashes, dtype=np.int64)
        for index in np.flatnonzero(hashes[1:] == hashes[:-1]) + 1:
            key, row, _ = self.read(int(index))
            earlier = self.find(key)
            if earlier and earlier[0] != index:
                self.taken[index] = 1
                reason = f"the id {key!r} stands in row {earlier[1]} already"
                report(Problem(row, self.column, Kind.DUPLICATE_ID, reason, 2))

    def read(self, index: int) -> tuple[str, int, dict[str, Any]]:
        self.file.seek(self.offsets[index])
        key, row, record = orjson.loads(self.file.read(self.ends[index] - self.offsets[index]))
        return key, row, record

    def find(self, key: str) -> tuple[int, int, dict[str, Any]] | None:
        """(place, row, fields). The first row of those that share an id stands for all."""
        wanted = hash(key)
        index = bisect_left(self.hashes, wanted)
        while index < len(self.hashes) and self.hashes[index] == wanted:
            found, row, record = self.read(index)
            if found == key:
                return index, row, record
            index += 1
        return None

    def take(self, key: str) -> tuple[int, dict[str, Any]] | None:
        found = self.find(key)
        if found is None:
            return None
        self.taken[found[0]] = 1
        return found[1:]

    def report_rest(self, report: Report) -> None:
        for index in np.flatnonzero(np.frombuffer(self.taken, dtype=np.uint8) == 0):
            key, row, _ = self.read(int(index))
            report(Problem(row, self.column, Kind.MISSING_COUNTERPART, f"the first file has no id {key!r}", 2))


@contextmanager
def spooled(source: Source, mapping: Mapping, report: Report, tell: Tell | None) -> Iterator[Spool]:
    column = mapping.second_id.removeprefix(SECOND)
    needed = {name.removeprefix(SECOND) for name in mapping.columns()}
    with TemporaryFile(buffering=1 << 16) as file:
        spool = Spool(file, column)
        end = 0
        for row, record in source.records(report, tell):
            try:
                key = values.identifier(record.get(column), column, source.limits.label)
            except Unfit as problem:
                report(problem.at(row, 2))
                continue
            end += spool.add(key, row, {name: record[name] for name in needed & record.keys()}, end)
        spool.sort(report)
        yield spool
