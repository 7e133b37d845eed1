"""How the planned size moves with the effect and the power: what a planning page draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments.live_plan.plan import Plan
from experiments.live_plan.sizing import planned_size

POINTS = 13
SPREAD = 2.0


@dataclass(frozen=True, kw_only=True)
class Sized:
    effect: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Units of the smaller arm by effect, at one power."""

    power: float
    points: tuple[Sized, ...]


def curves(plan: Plan, *, powers: Sequence[float] = ()) -> tuple[Curve, ...]:
    """For effects from half to twice the plan's, evenly in proportion; those that do not fit the baseline are left out.

    powers: those drawn; without any .7, .8 and .9 and the plan's own.
    """
    drawn = sorted({0.7, 0.8, 0.9, plan.power}) if not powers else sorted(powers)
    return tuple(Curve(power=power, points=_points(replace(plan, power=power))) for power in drawn)


def _points(plan: Plan) -> tuple[Sized, ...]:
    found = []
    for step in range(POINTS):
        effect = plan.mde * SPREAD ** (2 * step / (POINTS - 1) - 1)
        if fits(plan, effect):
            found.append(Sized(effect=effect, n=planned_size(replace(plan, mde=effect))[0]))
    return tuple(found)


def fits(plan: Plan, effect: float) -> bool:
    if plan.primary.kind != "rate":
        return True
    return 0 < plan.baseline + (effect if plan.primary.direction == "higher" else -effect) < 1


def days_for(plan: Plan, units_per_day: float) -> int:
    """Whole days until both arms have their planned units, at this traffic and the plan's split; at least one."""
    if not units_per_day > 0:
        raise ValueError(f"units_per_day must be greater than 0, not {units_per_day!r}")
    return max(1, math.ceil(plan.n_total / units_per_day - 1e-9))
