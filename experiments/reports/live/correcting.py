"""Many metrics at once: corrected p-values among the secondary ones, and the verdict of each row."""

from collections.abc import Sequence
from dataclasses import replace

from experiments.live_plan import Correction
from experiments.reports.live.payload import MetricRow, SegmentRow, Verdict
from experiments.stats.multiplicity import adjust_p_values

# The primary metric is a family of its own, read at α: the planned size was computed for that one test.
FAMILY = "secondary"


def corrected(rows: Sequence[MetricRow], *, method: Correction, alpha: float) -> tuple[MetricRow, ...]:
    """Secondary metrics are corrected among themselves; a guardrail is judged against its margin and not corrected."""
    family = [row for row in rows if row.role == FAMILY]
    p_values: dict[str, float | None] = {}
    if method != "none" and family:
        found = adjust_p_values([counted_p(row) for row in family], method=method)
        p_values = {row.key: p for row, p in zip(family, found, strict=True)}
    return tuple(ruled(replace(row, p_corrected=p_values.get(row.key)), alpha) for row in rows)


def corrected_segments(rows: Sequence[SegmentRow], *, alpha: float) -> tuple[SegmentRow, ...]:
    """Exploration: Benjamini-Hochberg over all segments, whatever the plan says of its metrics."""
    if not rows:
        return ()
    found = adjust_p_values([counted_p(one.row) for one in rows], method="bh")
    return tuple(
        replace(one, row=ruled(replace(one.row, p_corrected=p), alpha)) for one, p in zip(rows, found, strict=True)
    )


def counted_p(row: MetricRow) -> float | None:
    """A p-value that is not to be trusted stays a test of its family, and one that shows nothing."""
    return 1.0 if row.doubt else row.p_value


def ruled(row: MetricRow, alpha: float) -> MetricRow:
    if row.doubt:
        return replace(row, p_corrected=None, significant=None, verdict="doubted")
    p = row.p_deciding
    if p is None or row.difference is None:
        return replace(row, significant=None, verdict="undefined")
    significant = p < alpha
    return replace(row, significant=significant, verdict=way(row) if significant else "no_difference_shown")


def way(row: MetricRow) -> Verdict:
    risen = (row.difference or 0) > 0
    return "better" if risen == (row.direction == "higher") else "worse"
