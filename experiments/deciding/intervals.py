"""A number with its interval at the level a criterion asks for, steady to the last digit on any machine."""

from dataclasses import dataclass, replace
from statistics import NormalDist

from experiments.deciding.canonical import steady
from experiments.deciding.evidence import Observation, Part
from experiments.policy import Criterion


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one threshold is held against. independent: how many of n are, which for cases in clusters is fewer."""

    estimate: float
    low: float | None
    high: float | None
    n: int
    independent: int

    def reach(self, direction: str) -> float | None:
        """The bound on the bad side, which must lie beyond for the criterion to be shown."""
        return self.low if direction == "at_least" else self.high

    def limit(self, direction: str) -> float | None:
        """The bound on the good side; where even that is on the wrong side, the criterion is ruled out."""
        return self.high if direction == "at_least" else self.low


def z(level: float) -> float:
    """Two-sided: 1.96 for .95."""
    return steady(NormalDist().inv_cdf(0.5 + level / 2))


def read(criterion: Criterion, found: Observation | Part, *, level: float, anytime: bool) -> Reading | None:
    """None without an estimate. `level` is that of the interval given, `anytime` whether it holds at every look."""
    if found.estimate is None:
        return None
    stays = abs(level - criterion.level) < 1e-9 or is_kept(criterion, level, anytime=anytime)
    factor = 1.0 if stays else z(criterion.level) / z(level)
    independent = found.n if found.n_independent is None else found.n_independent
    exact = Reading(estimate=found.estimate, low=found.ci_low, high=found.ci_high, n=found.n, independent=independent)
    scaled = stretched(exact, factor)
    if criterion.comparison == "absolute" and criterion.unit == "share":
        return within(scaled, 0.0, 1.0)
    return scaled


def is_kept(criterion: Criterion, level: float, *, anytime: bool) -> bool:
    """Bounds for every look grow with the level slower than a normal interval, which so may widen them, not narrow."""
    return anytime and criterion.level < level


def stretched(reading: Reading, factor: float) -> Reading:
    """Each half of the interval times `factor`."""
    centre = reading.estimate

    def moved(bound: float | None) -> float | None:
        if bound is None or factor == 1:
            return None if bound is None else steady(bound)
        return steady(centre + (bound - centre) * factor)

    return replace(reading, estimate=steady(centre), low=moved(reading.low), high=moved(reading.high))


def within(reading: Reading, least: float, most: float) -> Reading:
    return replace(
        reading,
        low=None if reading.low is None else max(least, reading.low),
        high=None if reading.high is None else min(most, reading.high),
    )


def for_many(reading: Reading, criterion: Criterion, parts: int) -> Reading:
    """Wide enough that of `parts` numbers none is called a failure by chance more often than one would be."""
    return stretched(reading, z(1 - (1 - criterion.level) / parts) / z(criterion.level))
