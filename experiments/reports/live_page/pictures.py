"""The drawings of a live test: what the script draws, and the same numbers for the table under each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from evalsite.platform.templatetags.figures import count
from experiments.reports.live.payload import Bin, Distribution, ExposureChart, Guardrail, LivePayload, Point, Series
from experiments.reports.live_page.words import Writer, digits_for

MOST_ROWS = 40
# What came before has wide intervals, beside which nothing else could be read.
SETTLED_AFTER = 0.25
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Drawing:
    """`kind` names the drawing in charts.js; `rows` are the table's, thinned where there are many."""

    key: str
    kind: str
    title: str
    caption: str
    data: dict[str, Any]
    heads: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_thinned: bool = False

    @property
    def data_id(self) -> str:
        return f"drawing-{self.key}-data"


def thinned(rows: Sequence[Kind], most: int = MOST_ROWS) -> list[Kind]:
    """About so many, evenly, and always the last."""
    if len(rows) <= most:
        return list(rows)
    step = len(rows) / most
    places = sorted({int(step * number) for number in range(most)} | {len(rows) - 1})
    return [rows[place] for place in places]


def over_time(payload: LivePayload, key: str) -> Drawing | None:
    series = next((one for one in payload.over_time if one.metric == key), None)
    points = [point for point in series.points if point.estimate is not None] if series else []
    row = payload.metric(key)
    if series is None or row is None or len(points) < 2:
        return None
    writer = Writer(row.kind, row.unit)
    by_time = all(point.at for point in points)
    guardrail = next((one for one in payload.guardrails if one.metric == key), None)
    return Drawing(
        key="over-time",
        kind="band",
        title=f"{series.title}: the difference over time",
        caption=series.caption,
        data={
            "x": "time" if by_time else "n",
            "unit": "points" if writer.is_rate else "difference",
            "y_title": f"treatment − control{', points' if writer.is_rate else f', {row.unit}' if row.unit else ''}",
            "levels": levels(guardrail),
            "points": [
                [place(point, by_time=by_time), point.n, point.estimate, point.low, point.high] for point in points
            ],
            **reach(points, levels(guardrail)),
        },
        heads=("When" if by_time else "Units", "Units", "Difference", "Interval"),
        rows=[
            (
                point.at if by_time else count(point.n),
                count(point.n),
                writer.difference(point.estimate, point.low, point.high),
                writer.span(point.low, point.high),
            )
            for point in thinned(points)
        ],
        is_thinned=len(points) > MOST_ROWS,
    )


def place(point: Point, *, by_time: bool) -> float:
    return milliseconds(point.at) if by_time and point.at else point.n


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def levels(guardrail: Guardrail | None) -> list[float]:
    """No difference, and how much worse a guardrail may be."""
    if guardrail is None or not guardrail.margin:
        return [0.0]
    return [0.0, -guardrail.margin if guardrail.direction == "higher" else guardrail.margin]


def reach(points: Sequence[Point], lines: Sequence[float]) -> dict[str, float]:
    """From the lowest to the highest bound of what has settled; earlier bounds may run out of the drawing."""
    settled = points[int(len(points) * SETTLED_AFTER) :]
    ends = [value for point in settled for value in (point.low, point.high) if value is not None]
    ends += [point.estimate for point in settled if point.estimate is not None] + list(lines)
    room = 0.06 * (max(ends) - min(ends)) or 0.01
    return {"low": min(ends) - room, "high": max(ends) + room}


def distribution(payload: LivePayload, key: str) -> Drawing | None:
    found = next((one for one in payload.distributions if one.metric == key), None)
    if found is None or not found.bins:
        return None
    labels = bin_labels(found.bins)
    control, treatment = ([getattr(one, f"{arm}_share") for one in found.bins] for arm in ("control", "treatment"))
    return Drawing(
        key="distribution",
        kind="bars",
        title=f"{found.title}: distribution of {'values' if found.of == 'values' else 'unit values'}",
        caption=found.caption,
        data={
            "labels": labels,
            "unit": "percent",
            "x_title": x_title(found),
            "y_title": f"share of the arm’s {found.of}",
            "names": names(payload),
            "control": control,
            "treatment": treatment,
            "notes": [[count(one.control) for one in found.bins], [count(one.treatment) for one in found.bins]],
        },
        heads=("Value", "Control", "Treatment"),
        rows=[
            (label, with_share(one.control, one.control_share), with_share(one.treatment, one.treatment_share))
            for label, one in zip(labels, found.bins, strict=True)
        ],
    )


def x_title(found: Distribution) -> str:
    return f"{found.title}, {found.unit}" if found.unit else found.title


def with_share(n: int, share: float | None) -> str:
    return count(n) if share is None else f"{count(n)} ({Writer('rate').value(share)})"


def bin_labels(bins: Sequence[Bin]) -> list[str]:
    """Whole values by themselves, others from their low end; the last holds all above."""
    digits = digits_for(*(one.high - one.low for one in bins[:1]))
    last = len(bins) - 1
    return [bin_label(one, digits, is_last=number == last and last > 0) for number, one in enumerate(bins)]


def bin_label(one: Bin, digits: int, *, is_last: bool) -> str:
    is_whole = float(one.low).is_integer() and one.high - one.low == 1
    low = f"{one.low:,.0f}" if float(one.low).is_integer() else f"{one.low:,.{digits}f}"
    if is_last:
        return f"{low} and more"
    return low if is_whole else f"from {low}"


def names(payload: LivePayload) -> list[str]:
    return (
        ["control", "treatment"]
        if not payload.control_name
        else [
            f"control: {payload.control_name}",
            f"treatment: {payload.treatment_name}",
        ]
    )


def exposures(payload: LivePayload) -> Drawing | None:
    chart: ExposureChart = payload.exposures_per_hour
    if not chart.steps:
        return None
    return Drawing(
        key="exposures",
        kind="lines",
        title=f"Exposures per {step_words(chart.step_seconds)}",
        caption=chart.caption,
        data={
            "unit": "count",
            "y_title": f"units per {step_words(chart.step_seconds)}",
            "names": names(payload),
            "times": [milliseconds(step.at) for step in chart.steps],
            "control": [step.control for step in chart.steps],
            "treatment": [step.treatment for step in chart.steps],
        },
        heads=("From", "Control", "Treatment"),
        rows=[(step.at, count(step.control), count(step.treatment)) for step in thinned(chart.steps)],
        is_thinned=len(chart.steps) > MOST_ROWS,
    )


def step_words(seconds: int) -> str:
    known = {60: "minute", 3600: "hour", 86400: "day", 604800: "week"}
    if seconds in known:
        return known[seconds]
    return f"{seconds // 3600} hours" if seconds % 3600 == 0 else f"{seconds // 60} minutes"


def chosen_metric(payload: LivePayload, key: str) -> Series | None:
    """Whose difference over time is shown: the one asked for, else the primary's."""
    wanted = [key, payload.primary.key if payload.primary else ""]
    found = {one.metric: one for one in payload.over_time}
    return next((found[name] for name in wanted if name in found), next(iter(found.values()), None))
