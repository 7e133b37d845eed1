"""The intervals of all metrics in one drawing: relative to control, so that they share a scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.reports.live_page.metric_rows import Row
from experiments.reports.live_page.words import share

FARTHEST = 3.0  # relative changes beyond 300% are drawn at the edge
ROOM = 0.08


@dataclass(frozen=True)
class Forest:
    rows: list[Row]
    low: float
    high: float
    left_out: list[Row]

    @property
    def low_words(self) -> str:
        return share(self.low)

    @property
    def high_words(self) -> str:
        return share(self.high)

    @property
    def caption(self) -> str:
        """What can be seen, in a sentence. The dashed line is no change."""
        if any(row.data.verdict == "blocked" for row in self.rows):
            return "No change is judged, since the split is not as planned; the dashed line is none."
        clear = [row for row in self.rows if row.data.verdict in ("better", "worse")]
        if not clear:
            return "For no metric a change is shown; the dashed line is none."
        told = ", ".join(f"{row.data.title} {row.words} ({row.relative})" for row in clear)
        return f"{told}. The dashed line is no change."


def forest(rows: Sequence[Row]) -> Forest | None:
    drawn = [row for row in rows if None not in (row.data.relative, row.data.relative_low, row.data.relative_high)]
    left_out = [row for row in rows if row.is_told and row not in drawn]
    if not drawn:
        return None
    ends = [value for row in drawn for value in (row.data.relative_low, row.data.relative_high) if value is not None]
    low, high = max(min([0.0, *ends]), -FARTHEST), min(max([0.0, *ends]), FARTHEST)
    room = ROOM * (high - low) or 0.01
    return Forest(drawn, low - room, high + room, left_out)
