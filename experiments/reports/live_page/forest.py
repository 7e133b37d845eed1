"""The intervals of all metrics in one drawing: relative to control, so that they share a scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalsite.platform.drawing import Scale
from experiments.reports.live_page.metric_rows import Row
from experiments.reports.live_page.words import share

WIDTH = 560.0
ROW_HEIGHT = 34.0
LONGEST = 3.0  # relative changes beyond 300% are drawn at the edge
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Mark:
    row: Row
    y: float
    point: float
    start: float
    end: float


@dataclass(frozen=True)
class Tick:
    x: float
    words: str


@dataclass(frozen=True)
class Forest:
    marks: list[Mark]
    ticks: list[Tick]
    zero: float
    left_out: list[Row]

    @property
    def height(self) -> float:
        return ROW_HEIGHT * len(self.marks)

    @property
    def width(self) -> float:
        return WIDTH

    @property
    def caption(self) -> str:
        """What can be seen, in a sentence."""
        clear = [mark.row for mark in self.marks if mark.row.data.verdict in ("better", "worse")]
        if not clear:
            return "No interval of a metric lies wholly on one side of no change."
        told = ", ".join(f"{row.data.title} {row.words} ({row.relative})" for row in clear)
        return f"{told}; of {len(self.marks)} metric{'' if len(self.marks) == 1 else 's'} drawn."


def forest(rows: Sequence[Row]) -> Forest | None:
    drawn = [row for row in rows if None not in (row.data.relative, row.data.relative_low, row.data.relative_high)]
    left_out = [row for row in rows if row.is_told and row not in drawn]
    if not drawn:
        return None
    ends = [value for row in drawn for value in (row.data.relative_low, row.data.relative_high) if value is not None]
    low, high = max(min([0.0, *ends]), -LONGEST), min(max([0.0, *ends]), LONGEST)
    room = 0.08 * (high - low) or 0.01
    scale = Scale(low - room, high + room, width=WIDTH)
    marks = [mark_of(row, scale, number) for number, row in enumerate(drawn)]
    return Forest(marks, ticks(scale), scale.at(0), left_out)


def mark_of(row: Row, scale: Scale, number: int) -> Mark:
    data = row.data
    return Mark(
        row=row,
        y=ROW_HEIGHT * (number + 0.5),
        point=scale.at(data.relative or 0.0),
        start=scale.at(data.relative_low or 0.0),
        end=scale.at(data.relative_high or 0.0),
    )


def ticks(scale: Scale) -> list[Tick]:
    """At round changes, at most seven."""
    length = scale.high - scale.low
    step = next((one for one in STEPS if length / one <= 7), STEPS[-1])
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [Tick(scale.at(step * number), share(step * number)) for number in range(first, last + 1)]
