"""From a statistic to what the rule is told: on the criterion's scale, with the spread of one observation."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from experiments.go_no_go import Observation, Part, Source
from experiments.policy import Criterion
from experiments.stats.result import ComparisonResult, Estimate


def alpha_of(criterion: Criterion) -> float:
    return round(1 - criterion.level, 12)


def none(why: str, *, sources: Sequence[Source] = (), n: int = 0, n_unit: str = "cases") -> Observation:
    return Observation(state="none", why_none=why, sources=tuple(sources), n=n, n_unit=n_unit)


def spread_of(low: float | None, high: float | None, n: int, level: float) -> float | None:
    """Of one observation, whatever dependence there is: what a normal interval of this width over n would have."""
    if low is None or high is None or not n:
        return None
    return (high - low) / 2 / NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(n)


def of_estimate(
    found: Estimate, criterion: Criterion, *, n_unit: str = "cases", successes: int | None = None, scale: float = 1.0
) -> Observation:
    """A figure as it stands. scale: what it is multiplied by, where it is not on the criterion's scale."""
    low, high = scaled(found.ci_low, scale), scaled(found.ci_high, scale)
    return Observation(
        estimate=scaled(found.estimate, scale),
        ci_low=low,
        ci_high=high,
        level=criterion.level,
        n=found.n,
        n_unit=n_unit,
        method=found.method,
        spread=spread_of(low, high, found.n, criterion.level),
        successes=successes,
        candidate=scaled(found.estimate, scale),
        warnings=found.warnings,
    )


def of_comparison(
    found: ComparisonResult, criterion: Criterion, *, n: int, n_unit: str = "cases", scale: float = 1.0
) -> Observation:
    """Candidate against baseline, as a difference, a change relative to the baseline, or a ratio."""
    if criterion.comparison == "points":
        ends = tuple(scaled(one, scale) for one in (found.estimate, found.ci_low, found.ci_high))
        method = found.method
    else:
        shift = 1.0 if criterion.comparison == "ratio" else 0.0
        lifts = (found.relative_lift, found.lift_low, found.lift_high)
        ends = tuple(None if one is None else one + shift for one in lifts)
        method = f"{found.method}, relative to the baseline"
    estimate, low, high = ends
    return Observation(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        level=criterion.level,
        n=n,
        n_unit=n_unit,
        method=method,
        spread=spread_of(low, high, n, criterion.level),
        baseline=scaled(found.control, scale),
        candidate=scaled(found.treatment, scale),
        warnings=found.warnings,
        state="none" if estimate is None else "final",
        why_none=undefined(found) if estimate is None else "",
    )


def undefined(found: Estimate) -> str:
    return found.warnings[0] if found.warnings else "It is not defined for these data."


def scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def part(name: str, one: Observation) -> Part:
    return Part(
        name=name,
        estimate=one.estimate,
        ci_low=one.ci_low,
        ci_high=one.ci_high,
        n=one.n,
        n_independent=one.n_independent,
    )


def worst(criterion: Criterion, parts: Sequence[tuple[str, Observation]]) -> tuple[str, Observation] | None:
    """The one that lies furthest on the wrong side; one without a number says nothing."""
    known = [one for one in parts if one[1].estimate is not None]
    sign = 1 if criterion.direction == "at_least" else -1
    return min(known, key=lambda one: (sign * (one[1].estimate or 0.0), one[0])) if known else None
