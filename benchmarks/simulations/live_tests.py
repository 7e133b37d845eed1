"""A/A tests of production traffic, looked at on each of 14 days: the functions that compute a live test's page."""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.simulations.promise import Promise, Trial, rejects
from experiments.live_plan import Metric
from experiments.reports.live.cells import Cell, Strata, Stratum, cell_of
from experiments.reports.live.contrasts import contrast
from experiments.reports.live.judging import Reading, judged, nominal, too_few

DAYS = 14
A_DAY = 150
PLANNED = DAYS * A_DAY
RATE = Metric(key="completion", title="Completion", role="primary", kind="rate", event="done")
MEAN = Metric(key="turns", title="Turns", role="primary", kind="mean", event="turn")
LOOKS = tuple(day / DAYS for day in range(1, DAYS + 1))

Draw = Callable[[np.random.Generator], Iterator[Strata]]


def completed(rng: np.random.Generator) -> Iterator[Strata]:
    """At the end of each day what is in: half of the units of both arms complete 71.3%."""
    seen = np.cumsum(rng.binomial(A_DAY, 0.713, (DAYS, 2)), axis=0)
    for day, (control, treatment) in enumerate(seen.tolist(), start=1):
        n = day * A_DAY
        yield (Stratum(Cell(n=n, y=control / n), Cell(n=n, y=treatment / n)),)


def turns(cap: float) -> Draw:
    """A lognormal mean, a fifth of the units in treatment; a unit's value above `cap` counts as the cap."""

    def draw(rng: np.random.Generator) -> Iterator[Strata]:
        control, treatment = (np.minimum(rng.lognormal(0, 1, n), cap) for n in (4 * PLANNED, PLANNED))
        for day in range(1, DAYS + 1):
            arms = (arm[: arm.size * day // DAYS] for arm in (control, treatment))
            yield (Stratum(*map(cell_of, arms)),)

    return draw


def sequence_errs(metric: Metric, draw: Draw) -> Trial:
    """Stops at the first look at which the page calls a difference significant."""
    reading = Reading("confidence_sequence", 0.05, n_star=2.0 * PLANNED)
    return lambda rng: any(rejects(read(metric, cells, reading)) for cells in draw(rng))


def read(metric: Metric, cells: Strata, reading: Reading) -> float | None:
    return judged(metric, lambda alpha: contrast(metric, cells, alpha=alpha), reading).p_value


def planned_looks_err(metric: Metric, draw: Draw, spending: str) -> Trial:
    def trial(rng: np.random.Generator) -> bool:
        for look, cells in enumerate(draw(rng), start=1):
            reading = Reading("group_sequential", 0.05, information=LOOKS[:look], spending=spending)
            if crosses(metric, cells, reading):
                return True
        return False

    return trial


def crosses(metric: Metric, cells: Strata, reading: Reading) -> bool:
    """The page's question at a look: is the p-value at the level of this look's bound?"""
    level = nominal(reading.bound or 8)
    found = contrast(metric, cells, alpha=level)
    return found is not None and too_few(metric, found) is None and rejects(found.result.p_value, level)


def naive_errs(metric: Metric, draw: Draw) -> Trial:
    """Reads a fixed-horizon p-value every day and stops when it is below .05."""

    def trial(rng: np.random.Generator) -> bool:
        found = (contrast(metric, cells, alpha=0.05) for cells in draw(rng))
        return any(one is not None and rejects(one.result.p_value) for one in found)

    return trial


def promises(what: str, metric: Metric, draw: Draw, *, most: float, full: int, note: str = "") -> list[Promise]:
    trials: list[tuple[str, Trial, float, float, str]] = [
        ("confidence sequence", sequence_errs(metric, draw), 0, most, note or "safe at any number of looks"),
        ("O'Brien-Fleming-like", planned_looks_err(metric, draw, "obrien_fleming"), 0, most, note),
        ("Pocock-like", planned_looks_err(metric, draw, "pocock"), 0, most, note),
        ("each look read as the only one", naive_errs(metric, draw), 0.15, 1, "why not"),
    ]
    return [
        Promise(f"{what}, {name}", trial, low, high, full, 60, note, data=what)
        for name, trial, low, high, note in trials
    ]


# One unit in twenty lies above it. What is left of the tail still weighs where an arm has 150 units at the first look,
# so nothing is promised of such a mean: the rows show what its skew costs.
CAP = 5.0
SKEWED = "no promise: a skewed mean of 150 units at the first look"
PROMISES = [
    *promises("A/A test of a rate, 14 looks", RATE, completed, most=0.055, full=5000),
    *promises("A/A test of a capped mean, 14 looks", MEAN, turns(CAP), most=0.1, full=4000, note=SKEWED),
    Promise(
        "the same mean without its cap, Pocock-like",
        planned_looks_err(MEAN, turns(np.inf), "pocock"),
        0,
        0.1,
        4000,
        60,
        "why a cap: 150 units of so heavy a tail are not normal yet",
    ),
]
