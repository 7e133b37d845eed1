"""What the page of one live test shows: its newest result, read from one row, in words and drawings."""

from dataclasses import dataclass
from functools import cached_property

from experiments.models import LiveResult, LiveTest
from experiments.reports.live.payload import HealthCheck, LivePayload
from experiments.reports.live_page.forest import Forest, forest
from experiments.reports.live_page.metric_rows import GuardrailRow, Row, SegmentLine, rows_of, segment_lines
from experiments.reports.live_page.pictures import Drawing, chosen_metric, distribution, exposures, over_time
from experiments.reports.live_page.words import CORRECTIONS, METHODS

ORDER = {"failed": 0, "warning": 1, "unknown": 2, "ok": 3}
HEALTH_TAGS = {"failed": ("failed", "failed"), "warning": ("warning", "look here"), "unknown": ("waiting", "not known")}
# headline: word, tone of its card
WORDS = {
    "better": ("Better", "met"),
    "worse": ("Worse", "failed"),
    "no_difference_shown": ("No difference shown", ""),
    "doubted": ("Not to be trusted", ""),
    "undefined": ("Too little data", ""),
}
LINKS = {"refused": "live_test_refused", "both_arms": "live_test_conflicts", "no_events": "live_test_units"}


@dataclass(frozen=True)
class Check:
    data: HealthCheck

    @property
    def state(self) -> str:
        return HEALTH_TAGS.get(self.data.status, ("met", "fine"))[0]

    @property
    def words(self) -> str:
        return HEALTH_TAGS.get(self.data.status, ("met", "fine"))[1]

    @property
    def link(self) -> str:
        """The name of the page with the rows behind it."""
        return LINKS.get(self.data.key, "")


@dataclass(frozen=True)
class ResultPage:
    """`metric` is the one whose course and distribution are drawn, the primary where it is unknown."""

    payload: LivePayload
    metric: str = ""

    @property
    def word(self) -> str:
        return self._word[0]

    @property
    def tone(self) -> str:
        return self._word[1]

    @property
    def _word(self) -> tuple[str, str]:
        primary = self.payload.primary
        if self.payload.blocked:
            return "INVALID", "open"
        if self.payload.hidden:
            return "Hidden", "accent"
        if primary is None:
            return WORDS["undefined"]
        return WORDS.get(primary.verdict, WORDS["undefined"])

    @cached_property
    def checks(self) -> list[Check]:
        """What is wrong comes first."""
        return [Check(one) for one in sorted(self.payload.health, key=lambda check: ORDER[check.status])]

    @property
    def troubled(self) -> list[Check]:
        return [check for check in self.checks if check.data.status in ("failed", "warning")]

    @property
    def health_finding(self) -> str:
        failed = sum(check.data.status == "failed" for check in self.checks)
        warned = len(self.troubled) - failed
        if failed:
            return f"{failed} of {len(self.checks)} checks failed{f', {warned} more need a look' if warned else ''}."
        if warned:
            return f"{warned} of {len(self.checks)} checks need{'s' if warned == 1 else ''} a look; none failed."
        return f"All {len(self.checks)} checks are fine."

    @cached_property
    def rows(self) -> list[Row]:
        return rows_of(self.payload)

    @property
    def table_finding(self) -> str:
        if self.payload.blocked:
            return "No verdict: the data are not sound. The figures are for orientation only."
        if self.payload.hidden:
            return "What was measured is hidden; how many units it was measured on is not."
        told = [row.words for row in self.rows if row.data.verdict in ("better", "worse")]
        parts = [f"{told.count(word)} {word}" for word in ("better", "worse") if word in told]
        n = len(self.rows)
        return f"Of {n} metric{'' if n == 1 else 's'}: {', '.join(parts) if parts else 'none is shown to differ'}."

    @property
    def correction(self) -> str:
        return CORRECTIONS.get(self.payload.correction, self.payload.correction)

    @property
    def method(self) -> str:
        return METHODS[self.payload.method]

    @property
    def level(self) -> str:
        return f"{100 * (1 - self.payload.alpha):g}%"

    @cached_property
    def forest(self) -> Forest | None:
        return forest(self.rows)

    @property
    def shown_metric(self) -> str:
        found = chosen_metric(self.payload, self.metric)
        return found.metric if found else ""

    @property
    def shown_distribution(self) -> str:
        keys = [one.metric for one in self.payload.distributions]
        return (
            self.metric
            if self.metric in keys
            else self.shown_metric
            if self.shown_metric in keys
            else "".join(keys[:1])
        )

    @cached_property
    def drawings(self) -> dict[str, Drawing | None]:
        return {
            "over_time": over_time(self.payload, self.shown_metric),
            "distribution": distribution(self.payload, self.shown_distribution),
            "exposures": exposures(self.payload),
        }

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Metrics that can be drawn, key and title."""
        drawable = {one.metric for one in self.payload.over_time} | {one.metric for one in self.payload.distributions}
        return [(row.data.key, row.data.title) for row in self.rows if row.data.key in drawable]

    @cached_property
    def segments(self) -> list[SegmentLine]:
        return segment_lines(self.payload)

    @cached_property
    def guardrails(self) -> list[GuardrailRow]:
        return [GuardrailRow(one, self.payload.alpha) for one in self.payload.guardrails]

    @property
    def percent(self) -> int:
        return int(100 * min(1.0, self.payload.progress))

    @property
    def days_left(self) -> float | None:
        return self.payload.eta_days


def result_page(result: LiveResult, *, metric: str = "") -> ResultPage:
    return ResultPage(LivePayload.from_dict(result.payload), metric)


def stamp(live_test: LiveTest, result: LiveResult | None) -> str:
    """Changes whenever the page would look different."""
    computed = result.computed_at.isoformat() if result else "none"
    return f"{live_test.status} {live_test.split} {computed}"
