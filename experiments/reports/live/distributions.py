"""How a metric's values are spread over the units of each arm, in bins of round width."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from experiments.live_plan import Metric
from experiments.reports.live.payload import Bin, Distribution
from experiments.reports.live.sums import COMPARED, VALUES, Scope, Sums, fetch, spec
from experiments.reports.live.values import Values
from experiments.reports.live.wording import number, value

MOST_BINS = 24
STEPS = (1, 2, 2.5, 5, 10)
OF_UNITS = "CASE metric.kind WHEN 'rate' THEN sums.total WHEN 'ratio' THEN raw / nullif(x, 0) ELSE raw END"
SHOWN = f"SELECT treated, {OF_UNITS} AS shown {VALUES}"


@dataclass(frozen=True)
class Axis:
    """Bins start at low and are `width` wide; the last of n holds all above too."""

    low: float
    width: float
    n: int

    def edges(self) -> list[tuple[float, float]]:
        return [(self.low + place * self.width, self.low + (place + 1) * self.width) for place in range(self.n)]


def axis(low: float, high: float, top: float, *, whole: bool) -> Axis:
    """From the smallest value to the 99th percentile `high`; `top` is the largest."""
    if whole and top - low < MOST_BINS:
        return Axis(low, 1.0, int(top - low) + 1)
    if high <= low:
        return Axis(low, max(1.0, abs(low)), 1)
    rough = (high - low) / MOST_BINS
    scale = 10.0 ** math.floor(math.log10(rough))
    width = next(step * scale for step in STEPS if step * scale >= rough * (1 - 1e-9))
    width = max(1.0, width) if whole else width
    start = math.floor(low / width + 1e-9) * width
    return Axis(start, width, max(1, math.ceil((high - start) / width + 1e-9)))


def distribution(scope: Scope, metric: Metric, sums: Sums) -> Distribution:
    """Of units; those without an event stand at 0 where they count as 0."""
    params = scope.params | {"metrics": spec([metric])}
    zeros = [0, 0]
    if metric.per == "unit" and metric.kind != "ratio":
        rows = {0: 0, 1: 0}
        for (_, treated, _), cell in sums.cells.get(metric.key, {}).items():
            rows[treated] += cell.n
        zeros = [sums.exposed(treated) - rows[treated] for treated in (0, 1)]
    [(low, high, top, whole)] = fetch(
        f"""WITH {COMPARED} SELECT min(shown), percentile_disc(0.99) WITHIN GROUP (ORDER BY shown), max(shown),
            bool_and(shown = floor(shown)) FROM ({SHOWN}) AS units WHERE shown IS NOT NULL""",  # noqa: S608
        params,
    )
    if low is None and not any(zeros):
        return Distribution(metric=metric.key, title=metric.title, unit=metric.unit, caption=nothing(metric))
    low, high, top = (low or 0.0), (high or 0.0), (top or 0.0)
    drawn = axis(min(low, 0.0) if any(zeros) else low, high, top, whole=whole is not False)
    counted = fetch(
        f"""WITH {COMPARED} SELECT treated, least(floor((shown - %(low)s) / %(width)s), %(last)s)::int, count(*)
            FROM ({SHOWN}) AS units WHERE shown IS NOT NULL GROUP BY 1, 2""",  # noqa: S608
        params | {"low": drawn.low, "width": drawn.width, "last": drawn.n - 1},
    )
    at_zero = min(drawn.n - 1, math.floor(-drawn.low / drawn.width))
    per_arm = ({at_zero: zeros[0]}, {at_zero: zeros[1]}) if any(zeros) else ({}, {})
    for treated, place, n in counted:
        per_arm[treated][place] = per_arm[treated].get(place, 0) + n
    return drawn_as(metric, drawn, per_arm, of="units")


def distribution_of_values(metric: Metric, values: Values) -> Distribution:
    """Of single values, for a quantile."""
    if not values.n:
        return Distribution(
            metric=metric.key, title=metric.title, unit=metric.unit, of="values", caption=nothing(metric)
        )
    both = np.concatenate([values.control, values.treatment])
    whole = bool((both == np.floor(both)).all())
    drawn = axis(float(both.min()), float(np.quantile(both, 0.99)), float(both.max()), whole=whole)
    per_arm = tuple(counts(arm, drawn) for arm in (values.control, values.treatment))
    return drawn_as(metric, drawn, per_arm, of="values")


def counts(arm: np.ndarray[tuple[int], np.dtype[np.float64]], drawn: Axis) -> dict[int, int]:
    places = np.minimum((arm - drawn.low) // drawn.width, drawn.n - 1).astype(np.int64)
    return dict(enumerate(np.bincount(places, minlength=drawn.n).tolist()))


def drawn_as(metric: Metric, drawn: Axis, per_arm: Iterable[dict[int, int]], *, of: str) -> Distribution:
    control, treatment = per_arm
    totals = sum(control.values()), sum(treatment.values())
    bins = tuple(
        Bin(
            low=low,
            high=high,
            control=control.get(place, 0),
            treatment=treatment.get(place, 0),
            control_share=control.get(place, 0) / totals[0] if totals[0] else None,
            treatment_share=treatment.get(place, 0) / totals[1] if totals[1] else None,
        )
        for place, (low, high) in enumerate(drawn.edges())
    )
    return Distribution(
        metric=metric.key,
        title=metric.title,
        unit=metric.unit,
        of="values" if of == "values" else "units",
        bins=bins,
        caption=caption(metric, bins, of),
    )


def caption(metric: Metric, bins: tuple[Bin, ...], of: str) -> str:
    """Where the arms differ most."""
    far = max(bins, key=lambda one: abs((one.treatment_share or 0) - (one.control_share or 0)))
    gap = (far.treatment_share or 0) - (far.control_share or 0)
    what = "events per unit" if metric.kind == "rate" else metric.unit or metric.title.lower()
    if far is bins[-1]:
        place = f"{number(far.low)} {what} or more"
    else:
        alone = far.high - far.low == 1 and far.low == int(far.low) and metric.kind == "rate"
        place = f"{number(far.low)} {what}" if alone else f"{number(far.low)} up to {number(far.high)} {what}"
    more = "more" if gap >= 0 else "less"
    return f"The arms differ most at {place}: {value(abs(gap), 'rate')} of the {of} {more} with treatment."


def nothing(metric: Metric) -> str:
    return f"No unit has a value of {metric.title} yet."
