"""Stretches of a test with one split, and whether the units of each came as that split says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scipy import special

from experiments.models import LiveAmendment
from experiments.reports.live.payload import PerArm, Phase
from experiments.reports.live.sums import Sums
from experiments.stats.proportions import srm_test


@dataclass(frozen=True)
class Splits:
    """The split at the start, and each raise: when, and to what."""

    first: float
    raises: tuple[tuple[datetime, float], ...] = ()

    @property
    def ramps(self) -> tuple[datetime, ...]:
        return tuple(at for at, _ in self.raises)

    def of(self, phase: int) -> float:
        return self.raises[phase - 1][1] if phase else self.first

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


@dataclass(frozen=True)
class SplitCheck:
    """p of all phases together: their chi-squares add up. None without units."""

    p_value: float | None
    seen: float | None = None
    expected: float | None = None


def check_split(found: Sequence[Phase]) -> SplitCheck:
    filled = [one for one in found if one.units.total]
    if not filled:
        return SplitCheck(None)
    tests = [srm_test([one.units.control, one.units.treatment], [1 - one.split, one.split]) for one in filled]
    total = sum(one.units.total for one in filled)
    return SplitCheck(
        p_value=float(special.chdtrc(len(tests), sum(test.statistic or 0.0 for test in tests))),
        seen=sum(one.units.treatment for one in filled) / total,
        expected=sum(one.units.total * one.split for one in filled) / total,
    )
