"""Stretches of a test with one split, and whether the units of each came as that split says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scipy import special

from experiments.models import LiveAmendment
from experiments.reports.live.payload import PerArm, Phase
from experiments.reports.live.sums import COMPARED, Scope, Sums, fetch
from experiments.stats.proportions import srm_test

UNMOVED = f"""
WITH {COMPARED}
SELECT phase, bucket IS NULL, count(*) FILTER (WHERE treated = 0), count(*) FILTER (WHERE treated = 1) FROM compared
WHERE (
    bucket IS NULL
    OR bucket::float8 / %(buckets)s < (%(low)s::float8[])[phase + 1]
    OR bucket::float8 / %(buckets)s >= (%(high)s::float8[])[phase + 1]
) AND NOT (source = 'event' AND phase > 0 AND exposed_at < (%(ramps)s::timestamptz[])[phase] + %(unheard)s::interval)
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 constants of this module


@dataclass(frozen=True)
class Splits:
    """The split at the start, and each raise: when, and to what."""

    first: float
    raises: tuple[tuple[datetime, float], ...] = ()

    @property
    def ramps(self) -> tuple[datetime, ...]:
        return tuple(at for at, _ in self.raises)

    @property
    def every(self) -> tuple[float, ...]:
        return (self.first, *(split for _, split in self.raises))

    def of(self, phase: int) -> float:
        return self.every[phase]

    @property
    def moved(self) -> tuple[tuple[float, float], ...]:
        """Of each phase, from its split to that of now: units in between have been given to treatment since."""
        return tuple((split, max(split, self.every[-1])) for split in self.every)

    def share(self, phase: int) -> float:
        """Of treatment in a phase, among the units whose arm by the rule is still the same."""
        low, high = self.moved[phase]
        return low / (1 - (high - low))

    def since(self, phase: int, started: datetime | None) -> datetime | None:
        return self.raises[phase - 1][0] if phase else started


def splits_of(first: float, amendments: Sequence[LiveAmendment]) -> Splits:
    ramps = sorted((one for one in amendments if one.kind == LiveAmendment.Kind.RAMP), key=lambda one: one.made_at)
    raised = tuple((one.made_at, float(one.change["after"])) for one in ramps)
    return Splits(first, raised)


def phases(splits: Splits, sums: Sums, started: datetime | None) -> tuple[Phase, ...]:
    return tuple(
        Phase(
            since=splits.since(place, started),
            split=splits.of(place),
            units=PerArm(control=sums.exposed(0, place), treatment=sums.exposed(1, place)),
        )
        for place in range(len(splits.raises) + 1)
    )


def compared_information(found: Sequence[Phase]) -> float:
    """Of the difference within phases, as so many units of two even arms."""
    return sum(4 * one.units.control * one.units.treatment / one.units.total for one in found if one.units.total)


def read_split(scope: Scope, splits: Splits) -> list[tuple[PerArm, float]]:
    """The units of each phase by whose arms the split can be checked, and the share of treatment there should be.

    A unit that was in control before a ramp and is in treatment by the rule of now is told to be in treatment by a
    client that has forgotten it, which takes it out of control alone: none of these buckets are counted. Nor is what
    clients told while they may not have heard of a ramp yet.
    """
    params = scope.params | {
        "low": [low for low, _ in splits.moved],
        "high": [high for _, high in splits.moved],
    }
    return [
        (PerArm(control=control, treatment=treatment), splits.of(phase) if placeless else splits.share(phase))
        for phase, placeless, control, treatment in fetch(UNMOVED, params)
    ]


@dataclass(frozen=True)
class SplitCheck:
    """p of all phases together: their chi-squares add up. None without units."""

    p_value: float | None
    seen: float | None = None
    expected: float | None = None
    units: int = 0


def check_split(counted: Sequence[tuple[PerArm, float]]) -> SplitCheck:
    """counted: units of one phase, and the share of treatment there should be."""
    filled = [(units, share) for units, share in counted if units.total]
    if not filled:
        return SplitCheck(None)
    tests = [srm_test([units.control, units.treatment], [1 - share, share]) for units, share in filled]
    total = sum(units.total for units, _ in filled)
    return SplitCheck(
        p_value=float(special.chdtrc(len(tests), sum(test.statistic or 0.0 for test in tests))),
        seen=sum(units.treatment for units, _ in filled) / total,
        expected=sum(units.total * share for units, share in filled) / total,
        units=total,
    )
