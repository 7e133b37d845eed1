"""Which words of two texts differ: lists of segments whose texts join back to the originals. Pure.

Texts of any length cost about the same at most: what is too long to be compared by words is compared by lines, and
what is too long for that is one change.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

WORDS = re.compile(r"\w+|\s+|[^\w\s]")
LINES = re.compile(r"[^\n]*\n|[^\n]+")
# Token pairs of one comparison: its work is a 64th of that in machine words, its memory as many bits.
MOST_PAIRS = 16_000_000


@dataclass(frozen=True)
class Segment:
    text: str
    changed: bool


@dataclass(frozen=True)
class WordDiff:
    """`baseline` joined is the first text, `candidate` joined the second; unchanged segments hold the same text."""

    baseline: tuple[Segment, ...]
    candidate: tuple[Segment, ...]

    @property
    def is_same(self) -> bool:
        return not any(segment.changed for segment in (*self.baseline, *self.candidate))


def word_diff(baseline: str, candidate: str) -> WordDiff:
    """The longest common run of words stays, everything else is changed."""
    sides: tuple[list[Segment], list[Segment]] = ([], [])
    for first, second, changed in compared(baseline, candidate):
        for side, text in zip(sides, (first, second), strict=True):
            add(side, text, changed)
    return WordDiff(tuple(sides[0]), tuple(sides[1]))


def add(side: list[Segment], text: str, changed: bool) -> None:
    """Neighbours of one kind become one segment."""
    if not text:
        return
    if side and side[-1].changed == changed:
        side[-1] = Segment(side[-1].text + text, changed)
    else:
        side.append(Segment(text, changed))


Stretch = tuple[str, str, bool]


def compared(baseline: str, candidate: str) -> list[Stretch]:
    """Stretches in order: what the baseline says there, what the candidate says there, and whether they differ."""
    if baseline == candidate:
        return [(baseline, candidate, False)]
    for tokens in (WORDS, LINES):
        first, second = tokens.findall(baseline), tokens.findall(candidate)
        start, end = common_ends(first, second)
        inner = first[start : len(first) - end], second[start : len(second) - end]
        if len(inner[0]) * len(inner[1]) <= MOST_PAIRS:
            break
    else:
        return stretches(first, second, start, end, [("".join(inner[0]), "".join(inner[1]), True)])
    return stretches(first, second, start, end, aligned(*inner))


def stretches(
    first: Sequence[str], second: Sequence[str], start: int, end: int, inner: Sequence[Stretch]
) -> list[Stretch]:
    head, tail = "".join(first[:start]), "".join(first[len(first) - end :])
    return [(head, head, False), *inner, (tail, tail, False)]


def common_ends(first: Sequence[str], second: Sequence[str]) -> tuple[int, int]:
    """How many tokens both begin with, and of the rest, end with."""
    shorter = min(len(first), len(second))
    start = 0
    while start < shorter and first[start] == second[start]:
        start += 1
    end = 0
    while end < shorter - start and first[-1 - end] == second[-1 - end]:
        end += 1
    return start, end


def aligned(first: Sequence[str], second: Sequence[str]) -> list[Stretch]:
    # Numbers instead of words: two different words never count as one, whatever their hashes.
    numbers: dict[str, int] = {}
    coded = [[numbers.setdefault(token, len(numbers)) for token in side] for side in (first, second)]
    found = [
        (
            "".join(first[step.src_start : step.src_end]),
            "".join(second[step.dest_start : step.dest_end]),
            step.tag != "equal",
        )
        for step in LCSseq.opcodes(*coded)
    ]
    return [
        (one, other, changed or (0 < place < len(found) - 1 and is_gap(one)))
        for place, (one, other, changed) in enumerate(found)
    ]


def is_gap(text: str) -> bool:
    """A space between two changes is read as part of one change."""
    return text.isspace() and "\n" not in text
