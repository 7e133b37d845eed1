"""The difference over time with its confidence sequence, and exposures by the hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from experiments.live_plan import Metric
from experiments.reports.live.contrasts import contrast
from experiments.reports.live.judging import FEWEST_UNITS, Reading, too_few, too_skewed
from experiments.reports.live.payload import ExposedInStep, ExposureChart, MetricRow, Point, Series
from experiments.reports.live.sums import COMPARED, Scope, Slots, Sums, fetch
from experiments.reports.live.wording import change
from experiments.stats.skewness import COCHRAN

MOST_POINTS = 40
ENOUGH_LOOKS = 8
MOST_BARS = 15 * 24  # drawn as lines, so that two weeks have room hour by hour
HOUR, DAY = 3600, 86400
STEPS = (HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)


@dataclass(frozen=True)
class Seen:
    """One earlier look at one metric, as it was computed then."""

    at: datetime
    n: int
    estimate: float | None
    low: float | None
    high: float | None
    p_value: float | None


def seen_of(at: datetime, figures: Mapping[str, Any]) -> Seen:
    return Seen(at, figures["n"], figures["estimate"], figures["low"], figures["high"], figures["p"])


def slots_of(first: datetime | None, last: datetime | None) -> Slots | None:
    if first is None or last is None or first == last:
        return None
    return Slots(first.timestamp(), last.timestamp() + 1e-3, MOST_POINTS)


def by_looks(row: MetricRow, looks: Sequence[Seen], now: datetime) -> Series:
    """What each look has said, and what is said now."""
    points = [Point(at=one.at, n=one.n, estimate=one.estimate, low=one.low, high=one.high) for one in looks]
    n = row.control_n + row.treatment_n
    if not points or points[-1].n != n:
        points.append(Point(at=now, n=n, estimate=row.difference, low=row.ci_low, high=row.ci_high))
    return series_of(row, "looks", points)


def by_exposure(metric: Metric, row: MetricRow, sums: Sums, slots: Slots, reading: Reading) -> Series:
    """Among units exposed until then, by what is known of them now: each point with its confidence sequence."""
    points: list[Point] = []
    width = (slots.high - slots.low) / slots.n
    for slot in range(1, slots.n + 1):
        point = point_of(metric, sums, slot, reading, datetime.fromtimestamp(slots.low + slot * width, tz=UTC))
        if point is not None and (not points or points[-1].n != point.n):
            points.append(point)
    return series_of(row, "exposure", points)


def point_of(metric: Metric, sums: Sums, slot: int, reading: Reading, at: datetime) -> Point | None:
    found = contrast(metric, sums.strata(metric, wanted=lambda group: int(group) <= slot), alpha=reading.alpha)
    if found is None or min(found.n0, found.n1) < FEWEST_UNITS:
        return None
    n, result = found.n0 + found.n1, found.result
    if result.estimate is None or not result.se or too_few(metric, found) or too_skewed(found, COCHRAN):
        return Point(at=at, n=n, estimate=result.estimate, low=None, high=None)
    sequence = reading.sequence(result.estimate, result.se, found)
    return Point(at=at, n=n, estimate=result.estimate, low=sequence.ci_low, high=sequence.ci_high)


def series_of(row: MetricRow, basis: str, points: Sequence[Point]) -> Series:
    return Series(
        metric=row.key,
        title=row.title,
        basis="looks" if basis == "looks" else "exposure",
        points=tuple(points),
        caption=caption(row, points),
    )


def caption(row: MetricRow, points: Sequence[Point]) -> str:
    bounded = [one for one in points if one.low is not None and one.high is not None]
    if not bounded:
        return f"Too few units yet to draw how {row.title} differs."
    first = next((one for one in bounded if excludes(one)), None)
    last = bounded[-1]
    ends = f"at {last.n:,} units the difference is {change(last.estimate, row.kind, row.unit)}"
    if first is None:
        return f"{row.title}: at no point was no difference ruled out; {ends}."
    stays = "and ever since" if all(excludes(one) for one in bounded[bounded.index(first) :]) else "but not ever since"
    return f"{row.title}: no difference was first ruled out at {first.n:,} units, {stays}; {ends}."


def excludes(point: Point) -> bool:
    return (point.low or 0) > 0 or (point.high or 0) < 0


def exposures(scope: Scope, first: datetime | None, last: datetime | None) -> ExposureChart:
    """By the hour, or by what is wide enough."""
    if first is None or last is None:
        return ExposureChart(caption="No unit has been exposed yet.")
    begin, end = int(first.timestamp()), int(last.timestamp())
    step = next((one for one in STEPS if end // one - begin // one < MOST_BARS), STEPS[-1])
    rows = fetch(
        f"""WITH {COMPARED} SELECT floor(extract(epoch FROM exposed_at) / %(step)s)::bigint AS place,
            count(*) FILTER (WHERE treated = 0), count(*) FILTER (WHERE treated = 1)
            FROM compared GROUP BY 1 ORDER BY 1""",  # noqa: S608 constants
        scope.params | {"step": step},
    )
    counted = {place: (control, treatment) for place, control, treatment in rows}
    steps = tuple(
        ExposedInStep(at=datetime.fromtimestamp(place * step, tz=UTC), control=arms[0], treatment=arms[1])
        for place in range(begin // step, end // step + 1)
        for arms in [counted.get(place, (0, 0))]
    )
    return ExposureChart(step_seconds=step, steps=steps, caption=busiest(steps, step))


def busiest(steps: Sequence[ExposedInStep], step: int) -> str:
    names = {HOUR: "hour", DAY: "day", 7 * DAY: "week", 30 * DAY: "30 days", 365 * DAY: "year"}
    most = max(steps, key=lambda one: one.control + one.treatment)
    empty = sum(1 for one in steps if not one.control + one.treatment)
    words = f"Most units came in the {names[step]} from {most.at:%d %b %H:%M} UTC: {most.control + most.treatment:,}"
    return f"{words}; {empty:,} of {len(steps):,} bars are empty." if empty else f"{words}."
