"""Traffic whose truth is known: units with their arm, what they do, and how often. Random by seed only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from experiments import routing
from experiments.live_plan import Metric, Plan

ARMS = ("control", "treatment")
VALUES_EACH = 3
# Of the spread of a latency: between the calls of one unit, and between units.
WITHIN, BETWEEN = 0.5, 0.25
SEGMENT_VALUES = ("a", "b", "c")
TRIES_PER_UNIT = 10_000
# Share of a value's spread that the same unit's past explains, where a metric has a covariate.
SHARED = 0.6


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What holds in each arm: a rate, a mean, a ratio, or the median of a quantile's values. `sd`: of one unit."""

    control: float
    treatment: float
    sd: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Act:
    """One event: `minutes` after the exposure, before it where negative."""

    event: str
    minutes: float
    value: float | None = None
    properties: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SimulatedUnit:
    unit_id: str
    arm: str
    attributes: Mapping[str, str]
    acts: tuple[Act, ...]


def default_truth(plan: Plan, metric: Metric) -> Truth:
    """No difference, at what the plan expects of the primary metric."""
    if metric.role == "primary":
        return Truth(control=plan.baseline, treatment=plan.baseline, sd=plan.baseline_sd or 1.0)
    level = {"rate": 0.3, "ratio": 0.3, "mean": 5.0, "quantile": 800.0}[metric.kind]
    return Truth(control=level, treatment=level)


def simulated(
    plan: Plan,
    *,
    split: float,
    units: int | tuple[int, int],
    truths: Mapping[str, Truth],
    exact: bool,
    seed: int,
    first: int = 1,
) -> list[SimulatedUnit]:
    """Units in the order they come. `units`: how many in all, as the rule deals them, or exactly so many per arm.

    exact: of n units exactly round(rate * n) do what a rate counts; else each does with that chance. Of metrics that
    read one event, the first makes it. Raises KeyError for a truth of a metric that the plan does not have.
    """
    for key in truths:
        plan.metric(key)
    rng = Random(seed)  # noqa: S311 simulated, and reproducible by its seed
    dealt = deal(plan, split=split, units=units, name=f"{plan.unit}-{seed}", first=first)
    metrics = first_readers(plan)
    hits = {metric.key: hit(metric, dealt, truths, plan, rng=rng, exact=exact) for metric in metrics}
    found = [
        SimulatedUnit(
            unit_id=unit,
            arm=arm,
            attributes={name: rng.choice(SEGMENT_VALUES) for name in plan.segments},
            acts=tuple(
                act for metric in metrics for act in acts(metric, arm, unit in hits[metric.key], truths, plan, rng)
            ),
        )
        for unit, arm in dealt
    ]
    rng.shuffle(found)
    return found


def first_readers(plan: Plan) -> list[Metric]:
    taken: set[str] = set()
    found = []
    for metric in plan.metrics:
        if not taken & set(metric.events):
            found.append(metric)
            taken |= set(metric.events)
    return found


def deal(plan: Plan, *, split: float, units: int | tuple[int, int], name: str, first: int) -> list[tuple[str, str]]:
    """Unit and arm by the plan's rule. With a number per arm, units of a full arm are passed over."""
    wanted = dict(zip(ARMS, units, strict=True)) if isinstance(units, tuple) else None
    total = units if isinstance(units, int) else sum(units)
    found: list[tuple[str, str]] = []
    number = first
    while len(found) < total:
        unit, number = f"{name}-{number:06}", number + 1
        arm = arm_of(plan, unit, split)
        if wanted is not None:
            if number > first + TRIES_PER_UNIT * max(total, 1):
                raise ValueError(f"a split of {split:g} gives no {wanted} units")
            if not wanted[arm]:
                continue
            wanted[arm] -= 1
        found.append((unit, arm))
    return found


def arm_of(plan: Plan, unit: str, split: float) -> str:
    rule = plan.routing
    return routing.assign(plan.key, unit, split=split, buckets=rule.buckets, salt=rule.salt, version=rule.version)


def truth_of(metric: Metric, truths: Mapping[str, Truth], plan: Plan) -> Truth:
    return truths.get(metric.key) or default_truth(plan, metric)


def hit(
    metric: Metric,
    dealt: Sequence[tuple[str, str]],
    truths: Mapping[str, Truth],
    plan: Plan,
    *,
    rng: Random,
    exact: bool,
) -> set[str]:
    """The units that do what a rate counts; nobody for other kinds."""
    if metric.kind != "rate":
        return set()
    truth, found = truth_of(metric, truths, plan), set[str]()
    for arm in ARMS:
        rate, members = getattr(truth, arm), [unit for unit, its in dealt if its == arm]
        if exact:
            found.update(rng.sample(members, round(rate * len(members))))
        else:
            found.update(unit for unit in members if rng.random() < rate)
    return found


def acts(metric: Metric, arm: str, is_hit: bool, truths: Mapping[str, Truth], plan: Plan, rng: Random) -> list[Act]:
    level, sd = getattr(truth_of(metric, truths, plan), arm), truth_of(metric, truths, plan).sd
    match metric.kind:
        case "rate":
            return [act(metric.event, metric.field, 1, rng) for _ in range(metric.at_least if is_hit else 0)]
        case "mean":
            return mean_acts(metric, level, sd, rng)
        case "ratio":
            return ratio_acts(metric, level, rng)
        case _:
            middle = math.log(level) + rng.gauss(0, BETWEEN)
            values = [math.exp(middle + rng.gauss(0, WITHIN)) for _ in range(VALUES_EACH)]
            return [act(metric.event, metric.field, round(value, 1), rng) for value in values]


def mean_acts(metric: Metric, level: float, sd: float, rng: Random) -> list[Act]:
    """One event, or as many as the value where events are what is counted."""
    if metric.field == "count":
        return [act(metric.event, metric.field, 1, rng) for _ in range(poisson(level, rng))]
    if metric.covariate is None:
        return [act(metric.event, metric.field, round(positive(level, sd, rng), 3), rng)]
    past = rng.gauss(0, 1)
    value = level + sd * (math.sqrt(SHARED) * past + math.sqrt(1 - SHARED) * rng.gauss(0, 1))
    before = act(metric.covariate.event, metric.covariate.field, round(10 + 2 * past, 3), rng)
    earlier = Act(event=before.event, minutes=-before.minutes, value=before.value, properties=before.properties)
    return [earlier, act(metric.event, metric.field, round(value, 3), rng)]


def ratio_acts(metric: Metric, level: float, rng: Random) -> list[Act]:
    """Some of the things below the line, each with its chance to be one above it."""
    assert metric.denominator is not None  # noqa: S101 a plan's ratio has one
    below = 1 + poisson(2, rng)
    above = sum(rng.random() < level for _ in range(below))
    return [
        *(act(metric.denominator.event, metric.denominator.field, 1, rng) for _ in range(below)),
        *(act(metric.event, metric.field, 1, rng) for _ in range(above)),
    ]


def act(event: str, amount: str, value: float, rng: Random) -> Act:
    minutes = rng.uniform(0.1, 5)
    if amount == "count":
        return Act(event=event, minutes=minutes)
    if amount == "value":
        return Act(event=event, minutes=minutes, value=value)
    return Act(event=event, minutes=minutes, properties={amount.removeprefix("properties."): value})


def positive(mean: float, sd: float, rng: Random) -> float:
    """Of this mean and spread, and above 0 where the mean is, as counts, ratings and times are."""
    if mean <= 0 or sd <= 0:
        return rng.gauss(mean, sd)
    return rng.gammavariate((mean / sd) ** 2, sd**2 / mean)


def poisson(mean: float, rng: Random) -> int:
    """By the gaps between arrivals."""
    n, passed = 0, rng.expovariate(1)
    while passed < mean:
        n, passed = n + 1, passed + rng.expovariate(1)
    return n


def wire(unit: SimulatedUnit, *, key: str) -> list[tuple[float, dict[str, Any]]]:
    """The unit's events as a client sends them, but for their time: minutes after the exposure beside each."""
    return [
        (
            one.minutes,
            {
                "event_id": f"{unit.unit_id}-{place}",
                "event": one.event,
                "experiment": key,
                "unit_id": unit.unit_id,
                **({} if one.value is None else {"value": one.value}),
                **({"properties": dict(one.properties)} if one.properties else {}),
            },
        )
        for place, one in enumerate(unit.acts)
    ]
