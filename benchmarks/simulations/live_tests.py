"""A/A tests of production traffic, looked at on each of 14 days: the functions that compute a live test's page."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulations.promise import Promise, Trial, rejects
from experiments.live_plan import Method, Metric, Plan, Routing, Spending
from experiments.models import LiveLook, LiveTest
from experiments.reports.live.cells import Cell, Strata, Stratum, cell_of
from experiments.reports.live.contrasts import contrast, told
from experiments.reports.live.judging import Reading, nominal, reading_of, too_few, too_skewed
from experiments.reports.live.looks import Stage, figures_of, histories, stage_of
from experiments.reports.live.measuring import Measured, rows_of
from experiments.reports.live.payload import MetricRow, PerArm
from experiments.reports.live.sums import Scope, Sums

DAYS = 14
A_DAY = 150
PLANNED = DAYS * A_DAY
RATE = Metric(key="completion", title="Completion", role="primary", kind="rate", event="done")
MEAN = Metric(key="turns", title="Turns", role="primary", kind="mean", event="turn")
START = datetime(2026, 1, 1, tzinfo=UTC)
# So many that even a short run tells 5.5% from what reading every look as the only one comes to.
SHORT = 300

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Day:
    """What is in at the end of a day. away: units of control that ramps took out, which count as exposed all the same;
    restarts: units exposed before each of those ramps."""

    strata: Strata
    away: int = 0
    restarts: tuple[int, ...] = ()


Draw = Callable[[np.random.Generator], Iterator[Day]]
Values = Callable[[np.random.Generator, int], Floats]


def completed(rng: np.random.Generator) -> Iterator[Day]:
    """At the end of each day what is in: half of the units of both arms complete 71.3%."""
    seen = np.cumsum(rng.binomial(A_DAY, 0.713, (DAYS, 2)), axis=0)
    for day, (control, treatment) in enumerate(seen.tolist(), start=1):
        n = day * A_DAY
        yield Day((Stratum(Cell(n=n, y=control / n), Cell(n=n, y=treatment / n)),))


def ramped(rng: np.random.Generator) -> Iterator[Day]:
    """Completed by one in ten. 500 units at a first percent of the traffic, then half and half for 14 days."""
    percent = Stratum(*(Cell(n=n, y=rng.binomial(n, 0.1) / n) for n in (495, 5)))
    seen = np.cumsum(rng.binomial(A_DAY, 0.1, (DAYS, 2)), axis=0)
    for day, (control, treatment) in enumerate(seen.tolist(), start=1):
        n = day * A_DAY
        yield Day((percent, Stratum(Cell(n=n, y=control / n), Cell(n=n, y=treatment / n))))


def ramped_late(to: float, *, after: int) -> Draw:
    """Half and half until the look `after`, then so much in treatment, and control as fast as before.

    From then on all that was in control and is in treatment by the rule is left out of the days before.
    """
    stay, late = round(A_DAY * after * 2 * (1 - to)), round(A_DAY * to / (1 - to))

    def draw(rng: np.random.Generator) -> Iterator[Day]:
        gone = A_DAY * after - stay
        where = rng.permutation(A_DAY * after) < gone
        control, treatment = rng.random((2, A_DAY * after)) < 0.713
        since = np.cumsum(rng.binomial([[A_DAY, late]], 0.713, (DAYS - after, 2)), axis=0)
        for day in range(1, after + 1):
            yield Day((stratum(control[: day * A_DAY], treatment[: day * A_DAY]),))
        before = stratum(control[~where], treatment)
        for day, (fewer, more) in enumerate(since.tolist(), start=1):
            n, m = day * A_DAY, day * late
            now = Stratum(Cell(n=n, y=fewer / n), Cell(n=m, y=more / m))
            yield Day((before, now), away=gone, restarts=(2 * A_DAY * after,))

    return draw


def stratum(control: NDArray[np.bool_], treatment: NDArray[np.bool_]) -> Stratum:
    return Stratum(*(Cell(n=arm.size, y=float(arm.mean())) for arm in (control, treatment)))


def turns(cap: float) -> Values:
    """Lognormal; a unit's value above `cap` counts as the cap."""
    return lambda rng, n: np.minimum(rng.lognormal(0, 1, n), cap)


def spent(rng: np.random.Generator, n: int) -> Floats:
    """One unit in ten buys, for a lognormal amount."""
    return rng.lognormal(0, 1, n) * (rng.random(n) < 0.1)


def arms_of(values: Values, *, control: int, treatment: int = A_DAY) -> Draw:
    """A mean of so many more units in each arm a day."""

    def draw(rng: np.random.Generator) -> Iterator[Day]:
        arms = [values(rng, DAYS * n) for n in (control, treatment)]
        for day in range(1, DAYS + 1):
            yield Day((Stratum(*(cell_of(arm[: arm.size * day // DAYS]) for arm in arms)),))

    return draw


def ramped_arms(values: Values) -> Draw:
    """500 units at a first percent of the traffic, then half and half for 14 days."""

    def draw(rng: np.random.Generator) -> Iterator[Day]:
        percent = Stratum(*(cell_of(values(rng, n)) for n in (495, 5)))
        for day in arms_of(values, control=A_DAY)(rng):
            yield Day((percent, *day.strata))

    return draw


def plan_of(metric: Metric, method: Method, spending: Spending = "obrien_fleming") -> Plan:
    """Planned for the units of all 14 days, half of them in treatment, with a look each day."""
    return Plan(
        key="aa",
        control_id=1,
        control_name="baseline",
        treatment_id=2,
        treatment_name="the same",
        routing=Routing(),
        metrics=(metric,),
        mde=0.05,
        baseline=0.5,
        n_per_arm=PLANNED,
        n_computed=PLANNED,
        formula="",
        days=DAYS,
        method=method,
        looks=DAYS,
        spending=spending,
    )


def sums_of(metric: Metric, strata: Strata) -> Sums:
    """As the database sums up the units of each phase and arm."""
    arms = [(phase, (one.control, one.treatment)) for phase, one in enumerate(strata)]
    cells = {(phase, arm, "0"): cell for phase, both in arms for arm, cell in enumerate(both)}
    return Sums({place: cell.n for place, cell in cells.items()}, {metric.key: cells})


def stages(
    plan: Plan, draw: Iterable[Day], looks: list[LiveLook]
) -> Iterator[tuple[Measured, PerArm, Stage, Reading, datetime]]:
    """Each computation of the page that may read the result, after the `looks` so far."""
    live_test = LiveTest(status=LiveTest.Status.RUNNING, started_at=START)
    for number, day in enumerate(draw, start=1):
        now = START + timedelta(days=number)
        found = Measured(Scope(0), plan, sums_of(plan.primary, day.strata))
        units = PerArm(control=found.sums.exposed(0) + day.away, treatment=found.sums.exposed(1))
        era, compared = len(day.restarts), 4 * sum(told(day.strata))
        stage = stage_of(live_test, plan, units, looks, (), now, behind=False, era=era, compared=compared)
        if stage.fresh:
            reading = reading_of(plan, stage.information, restarts=day.restarts, stretches=stage.stretches)
            yield found, units, stage, reading, now


def shown(plan: Plan, draw: Iterable[Day]) -> Iterator[MetricRow]:
    """The row that the page shows at the end of each day, with all that it remembers of the days before."""
    looks: list[LiveLook] = []
    for found, units, stage, reading, now in stages(plan, draw, looks):
        rows, alone = rows_of(found, reading, histories(looks, since=None))
        yield rows[0]
        if stage.look:
            information = stage.information[-1] if stage.information else None
            figures = figures_of(units, alone, information=information, bound=reading.bound, stage=stage)
            looks.append(LiveLook(number=len(looks) + 1, planned=stage.planned, at=now, figures=figures))


def sequence_errs(metric: Metric, draw: Draw) -> Trial:
    """Stops at the first look at which the page calls a difference significant."""
    plan = plan_of(metric, "confidence_sequence")
    return lambda rng: any(row.significant for row in shown(plan, draw(rng)))


def planned_looks_err(metric: Metric, draw: Draw, spending: Spending) -> Trial:
    """The page's looks and bounds: it shows p < alpha exactly where a bound is crossed, but p takes a search."""
    plan = plan_of(metric, "group_sequential", spending)

    def trial(rng: np.random.Generator) -> bool:
        looks: list[LiveLook] = []
        for found, units, stage, reading, now in stages(plan, draw(rng), looks):
            if crosses(found, reading):
                return True
            figures = figures_of(units, (), information=stage.information[-1], bound=reading.bound, stage=stage)
            looks.append(LiveLook(number=len(looks) + 1, planned=True, at=now, figures=figures))
        return False

    return trial


def crosses(measured: Measured, reading: Reading) -> bool:
    """The page's question at a look: is the p-value at the level of this look's bound?"""
    metric, level = measured.plan.primary, nominal(reading.bound or 8)
    found = measured.measure(metric)(level)
    if found is None or too_few(metric, found) or too_skewed(found, reading.most_skewed):
        return False
    return rejects(found.result.p_value, level)


def naive_errs(metric: Metric, draw: Draw) -> Trial:
    """Reads a fixed-horizon p-value every day and stops when it is below .05."""

    def trial(rng: np.random.Generator) -> bool:
        found = (contrast(metric, day.strata, alpha=0.05) for day in draw(rng))
        return any(one is not None and rejects(one.result.p_value) for one in found)

    return trial


SPENDINGS: tuple[tuple[str, Spending], ...] = (("O'Brien-Fleming", "obrien_fleming"), ("Pocock", "pocock"))


def promises(
    what: str, metric: Metric, draw: Draw, *, most: float, full: int, short: int, note: str = "", naive: bool = True
) -> list[Promise]:
    trials: list[tuple[str, Trial, float, float, str]] = [
        ("confidence sequence", sequence_errs(metric, draw), 0, most, note or "safe at any number of looks"),
        ("O'Brien-Fleming-like", planned_looks_err(metric, draw, "obrien_fleming"), 0, most, note),
        ("Pocock-like", planned_looks_err(metric, draw, "pocock"), 0, most, note),
        *([("each look read as the only one", naive_errs(metric, draw), 0.15, 1, "why not")] if naive else []),
    ]
    return [
        Promise(f"{what}, {name}", trial, low, high, full, short, note, data=what)
        for name, trial, low, high, note in trials
    ]


# One unit in twenty lies above it. What is left of the tail still weighs where an arm has 150 units at the first look.
CAP = 5.0
# So many trials that the error of counting them is a third of the half percent between 5% and the bound.
MANY = 20_000
FIFTH, TWENTIETH = 4 * A_DAY, 19 * A_DAY
PROMISES = [
    *promises("A/A test of a rate, 14 looks", RATE, completed, most=0.055, full=10_000, short=SHORT),
    *promises("A/A test after a ramp from 1%, 14 looks", RATE, ramped, most=0.055, full=10_000, short=SHORT),
    *(
        one
        for to, after in ((0.9, 10), (0.9, 12), (0.95, 7))
        for one in promises(
            f"A/A test, ramp from 50% to {to:.0%} after look {after} of 14",
            RATE,
            ramped_late(to, after=after),
            most=0.055,
            full=10_000,
            short=SHORT,
            note="bounds start anew",
            naive=False,
        )
    ),
    *promises(
        "A/A test of a capped mean, 14 looks",
        MEAN,
        arms_of(turns(CAP), control=FIFTH),
        most=0.055,
        full=MANY,
        short=SHORT,
    ),
    *(
        Promise(
            f"{what}, {name}-like",
            planned_looks_err(MEAN, draw, spending),
            0,
            0.055,
            full,
            short,
            "not read where it is too skewed",
            data=what,
        )
        for what, draw, full, short in (
            ("the same mean without its cap", arms_of(turns(np.inf), control=FIFTH), MANY, SHORT),
            ("a mean of which nine in ten are 0, no cap", arms_of(spent, control=FIFTH), 10_000, SHORT),
            # A trial draws so much that a short run of these tells little: a test asks whether they are read at all.
            ("the same in a twentieth of the traffic", arms_of(spent, control=TWENTIETH), 2000, 60),
            ("a capped mean after a ramp from 1%", ramped_arms(turns(CAP)), 40_000, SHORT),
        )
        for name, spending in SPENDINGS
    ),
]
