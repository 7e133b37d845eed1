"""One metric's line in the table of results: its figures in words, its interval drawn, its verdict as a state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.reports.live.payload import Guardrail, LivePayload, MetricRow, SegmentRow
from experiments.reports.live_page.words import P_KINDS, Writer, p_words, share, share_span

ROOM = 1.1  # a bar does not end at the edge of its drawing
# verdict: state of its tag, words, tone of its bar
VERDICTS = {
    "better": ("met", "better", "met"),
    "worse": ("failed", "worse", "failed"),
    "no_difference_shown": ("undecided", "no difference shown", "open"),
    "hidden": ("hidden", "hidden", "baseline"),
    "blocked": ("INVALID", "no verdict", "baseline"),
    "doubted": ("no evidence", "not to be trusted", "baseline"),
    "undefined": ("no evidence", "not defined", "baseline"),
}
GUARDRAILS = {
    "kept": ("met", "kept", "met"),
    "breached": ("failed", "breached", "failed"),
    "open": ("undecided", "open", "open"),
    "watched": ("hidden", "watched", "baseline"),
    "undefined": ("no evidence", "not defined", "baseline"),
}


@dataclass(frozen=True)
class Bar:
    """What the interval bar draws."""

    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    alpha: float


@dataclass(frozen=True)
class Row:
    data: MetricRow
    reach: float
    alpha: float

    @property
    def writer(self) -> Writer:
        return Writer(self.data.kind, self.data.unit)

    @property
    def control(self) -> str:
        return self.writer.value(self.data.control)

    @property
    def treatment(self) -> str:
        return self.writer.value(self.data.treatment)

    @property
    def difference(self) -> str:
        return self.writer.difference(self.data.difference, self.data.ci_low, self.data.ci_high)

    @property
    def span(self) -> str:
        return self.writer.span(self.data.ci_low, self.data.ci_high)

    @property
    def relative(self) -> str:
        return share(self.data.relative)

    @property
    def relative_span(self) -> str:
        return share_span(self.data.relative_low, self.data.relative_high)

    @property
    def p(self) -> str:
        return p_words(self.data.p_value)

    @property
    def p_corrected(self) -> str:
        return p_words(self.data.p_corrected)

    @property
    def p_kind(self) -> str:
        return P_KINDS[self.data.p_kind]

    @property
    def uncapped(self) -> str:
        return self.writer.difference(self.data.uncapped_difference)

    @property
    def state(self) -> str:
        return VERDICTS[self.data.verdict][0]

    @property
    def words(self) -> str:
        return VERDICTS[self.data.verdict][1]

    @property
    def tone(self) -> str:
        return VERDICTS[self.data.verdict][2]

    @property
    def is_told(self) -> bool:
        return self.data.difference is not None

    @property
    def bar(self) -> Bar:
        return Bar(self.data.difference, self.data.ci_low, self.data.ci_high, self.alpha)

    @property
    def relative_bar(self) -> Bar:
        return Bar(self.data.relative, self.data.relative_low, self.data.relative_high, self.alpha)

    @property
    def bar_unit(self) -> str:
        return "points" if self.data.kind == "rate" else "number"

    @property
    def low(self) -> float:
        return -self.reach

    @property
    def better_is(self) -> str:
        return "higher is better" if self.data.direction == "higher" else "lower is better"


@dataclass(frozen=True)
class SegmentLine:
    attribute: str
    value: str
    row: Row


@dataclass(frozen=True)
class GuardrailRow:
    """`threshold` is the margin on the side that is worse."""

    data: Guardrail
    alpha: float

    @property
    def writer(self) -> Writer:
        return Writer(self.data.kind, self.data.unit)

    @property
    def threshold(self) -> float:
        return -self.data.margin if self.data.direction == "higher" else self.data.margin

    @property
    def margin(self) -> str:
        return self.writer.difference(self.threshold)

    @property
    def difference(self) -> str:
        return self.writer.difference(self.data.difference, self.data.ci_low, self.data.ci_high)

    @property
    def span(self) -> str:
        return self.writer.span(self.data.ci_low, self.data.ci_high)

    @property
    def state(self) -> str:
        return GUARDRAILS[self.data.status][0]

    @property
    def words(self) -> str:
        return GUARDRAILS[self.data.status][1]

    @property
    def tone(self) -> str:
        return GUARDRAILS[self.data.status][2]

    @property
    def bar(self) -> Bar:
        return Bar(self.data.difference, self.data.ci_low, self.data.ci_high, self.alpha)

    @property
    def bar_unit(self) -> str:
        return "points" if self.data.kind == "rate" else "number"

    @property
    def reach(self) -> float:
        return reach_of((self.data.difference, self.data.ci_low, self.data.ci_high, 2 * self.data.margin)) or 1.0

    @property
    def low(self) -> float:
        return -self.reach


def rows_of(payload: LivePayload) -> list[Row]:
    """Rates share one scale, so that their bars can be compared."""
    shared = reach_of(*(ends(row) for row in payload.metrics if row.kind == "rate")) or 0.05
    return [
        Row(row, shared if row.kind == "rate" else reach_of(ends(row)) or 1.0, payload.alpha) for row in payload.metrics
    ]


def segment_lines(payload: LivePayload) -> list[SegmentLine]:
    rows: Sequence[SegmentRow] = payload.segments
    shared = reach_of(*(ends(one.row) for one in rows)) or 1.0
    return [SegmentLine(one.attribute, one.value, Row(one.row, shared, payload.alpha)) for one in rows]


def ends(row: MetricRow) -> tuple[float | None, ...]:
    return (row.difference, row.ci_low, row.ci_high)


def reach_of(*values: Iterable[float | None]) -> float:
    return ROOM * max((abs(value) for some in values for value in some if value is not None), default=0.0)
