"""The planned size against effect and power, as a drawing with its finding and its numbers."""

import math
from dataclasses import dataclass

from experiments.live_plan import Curve, Plan, curves

WIDTH, HEIGHT = 560.0, 240.0
STEPS = (1, 2, 5)
FINE_STEPS = (1, 1.5, 2, 3, 5, 7)
LEAST_TICKS = 3


@dataclass(frozen=True, kw_only=True)
class Tick:
    at: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Line:
    power: str
    path: str
    end: tuple[float, float]
    is_planned: bool


@dataclass(frozen=True, kw_only=True)
class SizeChart:
    """Both axes grow in proportion: halving the effect takes about four times the units, and looks like a line."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    point: tuple[float, float]
    caption: str
    powers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int | None, ...], bool], ...]

    @property
    def from_top(self) -> tuple[Line, ...]:
        """The highest power takes most units."""
        return tuple(reversed(self.lines))


def size_chart(plan: Plan) -> SizeChart | None:
    """None where no effect beside the plan's can be drawn."""
    drawn = tuple(curve for curve in curves(plan) if curve.points)
    if not drawn or len(drawn[0].points) < 2:
        return None
    effects = [point.effect for point in drawn[0].points]
    sizes = [point.n for curve in drawn for point in curve.points]
    x = Axis(min(effects), max(effects), WIDTH)
    y = Axis(min(sizes), max(sizes), HEIGHT)
    return SizeChart(
        lines=tuple(line(curve, x, y, plan) for curve in drawn),
        across=tuple(Tick(at=x.at(value), words=effect_words(plan, value)) for value in x.ticks()),
        up=tuple(Tick(at=round(HEIGHT - y.at(value), 1), words=size_words(value)) for value in y.ticks()),
        point=(x.at(plan.mde), round(HEIGHT - y.at(plan.n_computed), 1)),
        caption=caption(plan, drawn),
        powers=tuple(power_words(curve.power) for curve in drawn),
        rows=rows(plan, drawn),
    )


@dataclass(frozen=True)
class Axis:
    low: float
    high: float
    length: float

    def at(self, value: float) -> float:
        if self.high <= self.low:
            return 0.0
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(min(max(share, 0.0), 1.0) * self.length, 1)

    def ticks(self) -> list[float]:
        """1, 2, 5, 10 …; where too few of them fall in, its ends."""
        first = math.floor(math.log10(self.low))
        last = math.ceil(math.log10(self.high))
        for steps in (STEPS, FINE_STEPS):
            found = [step * 10.0**power for power in range(first, last + 1) for step in steps]
            inside = [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]
            if len(inside) >= LEAST_TICKS:
                return inside
        return [self.low, self.high]


def line(curve: Curve, x: Axis, y: Axis, plan: Plan) -> Line:
    places = [(x.at(point.effect), round(HEIGHT - y.at(point.n), 1)) for point in curve.points]
    return Line(
        power=power_words(curve.power),
        path=" ".join(f"{across:g},{down:g}" for across, down in places),
        end=places[0],
        is_planned=curve.power == plan.power,
    )


def power_words(power: float) -> str:
    return f"{100 * power:g}%"


def size_words(n: float) -> str:
    """Short enough to stand beside the axis: 500, 5,000, 50k, 5M."""
    for unit, words in ((1e6, "M"), (1e3, "k")):
        if n >= 10 * unit or (unit == 1e6 and n >= unit):
            return f"{n / unit:,.3g}{words}"
    return f"{n:,.0f}"


def effect_words(plan: Plan, effect: float) -> str:
    if plan.primary.kind == "rate":
        return f"{100 * effect:.3g} pts"
    return f"{effect:.3g} {plan.primary.unit}".strip()


def caption(plan: Plan, drawn: tuple[Curve, ...]) -> str:
    """What a planner should take away, in a sentence."""
    half = next(curve.points[0] for curve in drawn if curve.power == plan.power)
    said = f"An effect of {effect_words(plan, plan.mde)} takes {plan.n_computed:,} units per arm"
    if half.effect < plan.mde:
        said += f", one of {effect_words(plan, half.effect)} takes {half.n:,}"
    return f"{said} at {power_words(plan.power)} power."


def rows(plan: Plan, drawn: tuple[Curve, ...]) -> tuple[tuple[str, tuple[int | None, ...], bool], ...]:
    effects = sorted({point.effect for curve in drawn for point in curve.points})
    by_power = [{point.effect: point.n for point in curve.points} for curve in drawn]
    return tuple(
        (effect_words(plan, effect), tuple(sizes.get(effect) for sizes in by_power), math.isclose(effect, plan.mde))
        for effect in effects
    )
