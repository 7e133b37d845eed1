"""Geometry of the small drawings: numbers in, SVG coordinates out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 200.0


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` on a line `width` long; what lies outside is drawn at its end."""

    low: float
    high: float
    width: float = WIDTH

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a scale runs from a lower to a higher value, not from {self.low} to {self.high}")

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * self.width, 2)


@dataclass(frozen=True)
class Interval:
    """Where an interval bar has its parts; None where there is nothing to draw."""

    point: float | None
    start: float | None
    end: float | None
    threshold: float | None


def interval(
    *,
    estimate: float | None,
    ci_low: float | None,
    ci_high: float | None,
    threshold: float | None,
    scale: Scale,
) -> Interval:
    has_band = ci_low is not None and ci_high is not None
    return Interval(
        point=None if estimate is None else scale.at(estimate),
        start=scale.at(ci_low) if has_band and ci_low is not None else None,
        end=scale.at(ci_high) if has_band and ci_high is not None else None,
        threshold=None if threshold is None else scale.at(threshold),
    )


@dataclass(frozen=True)
class Part:
    """One stretch of a split bar."""

    name: str
    count: int
    share: float
    x: float
    width: float


def split(counts: Mapping[str, int], *, width: float = WIDTH) -> list[Part]:
    """Stretches side by side in the given order, together as long as the bar; none when nothing was counted."""
    total = sum(counts.values())
    parts: list[Part] = []
    x = 0.0
    for name, count in counts.items() if total else ():
        share = count / total
        parts.append(Part(name=name, count=count, share=share, x=round(x, 2), width=round(share * width, 2)))
        x += share * width
    return parts


@dataclass(frozen=True)
class Column:
    """One column of a column chart."""

    label: str
    value: float
    x: float
    y: float
    width: float
    height: float


def columns(values: Sequence[tuple[str, float]], *, width: float, height: float, gap: float = 0.2) -> list[Column]:
    """Columns from the base line up, the highest as high as the chart. `gap` is the share of a step left free."""
    top = max((value for _, value in values), default=0.0)
    step = width / len(values) if values else 0.0
    return [
        Column(
            label=label,
            value=value,
            x=round(step * (number + gap / 2), 2),
            y=round(height - height * (value / top if top else 0.0), 2),
            width=round(step * (1 - gap), 2),
            height=round(height * (value / top if top else 0.0), 2),
        )
        for number, (label, value) in enumerate(values)
    ]


def heat_level(value: float | None) -> str:
    """Shade of a coefficient, by the usual words for kappa: slight, fair, moderate, substantial and better."""
    if value is None:
        return "unknown"
    if value < 0:
        return "negative"
    return str(1 + sum(value >= bound for bound in (0.4, 0.6, 0.8)))
