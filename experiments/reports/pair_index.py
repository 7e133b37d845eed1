"""One small record per pair, kept beside a campaign's result: lists filter and page a million pairs without a join."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.reports.human.tallies import majority, per_pair
from experiments.reports.human.votes import Votes

HIDDEN = -2
ORDINARY, IDENTICAL, GOLD = range(3)
LAYOUT = np.dtype(
    [
        ("task", "<i8"),
        ("majority", "<i1"),
        ("category", "<i2"),
        ("votes", "<u2"),
        ("top", "<u2"),
        ("baseline", "<u2"),
        ("candidate", "<u2"),
        ("tie", "<u2"),
        ("both_bad", "<u2"),
        ("kind", "<u1"),
    ]
)
Records = NDArray[np.void]


@dataclass(frozen=True)
class PairFilter:
    """What a list of pairs is narrowed to. `vote` keeps pairs with at least one such judgment."""

    majority: int | None = None
    vote: str = ""
    category: int | None = None
    agreed: bool | None = None
    kind: int | None = None
    gold: bool | None = None
    judged: bool | None = None


def build(votes: Votes, *, reveal: bool) -> bytes:
    """While the direction is hidden the record says how far reviewers agree, not on what."""
    pairs = votes.pairs
    counts = per_pair(votes.task, votes.outcome, pairs.task_id.size)
    records = np.zeros(pairs.task_id.size, dtype=LAYOUT)
    records["task"] = pairs.task_id
    records["category"] = pairs.category
    records["votes"] = counts.sum(axis=1)
    records["top"] = counts.max(axis=1, initial=0)
    records["kind"] = np.where(pairs.identical, IDENTICAL, np.where(pairs.gold >= 0, GOLD, ORDINARY))
    records["majority"] = majority(counts) if reveal else np.int8(HIDDEN)
    if reveal:
        for place, name in enumerate(("baseline", "candidate", "tie", "both_bad")):
            records[name] = counts[:, place]
    return zlib.compress(records.tobytes(), level=1)


def load(raw: bytes | memoryview) -> Records:
    """Bytes cross the wire as hexadecimal text, so a tenth of them is worth the unpacking."""
    return np.frombuffer(zlib.decompress(raw), dtype=LAYOUT) if raw else np.zeros(0, dtype=LAYOUT)


def chosen(records: Records, wanted: PairFilter) -> Records:
    keep = np.ones(records.size, dtype=bool)
    if wanted.majority is not None:
        keep &= records["majority"] == wanted.majority
    if wanted.vote:
        keep &= records[wanted.vote] > 0
    if wanted.category is not None:
        keep &= records["category"] == wanted.category
    if wanted.agreed is not None:
        several = records["votes"] > 1
        keep &= several & ((records["top"] == records["votes"]) == wanted.agreed)
    if wanted.kind is not None:
        keep &= records["kind"] == wanted.kind
    if wanted.gold is not None:
        keep &= (records["kind"] == GOLD) == wanted.gold
    if wanted.judged is not None:
        keep &= (records["votes"] > 0) == wanted.judged
    found: Records = records[keep]
    return found


def as_row(record: Any) -> dict[str, int]:
    return {name: int(record[name]) for name in LAYOUT.names or ()}
