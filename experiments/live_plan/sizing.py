"""How many units a plan needs, and the sentence that says by which formula."""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from scipy import optimize

from experiments.stats import power, sequential

if TYPE_CHECKING:
    from experiments.live_plan.plan import Plan

NORMAL = NormalDist()


def planned_size(plan: "Plan") -> tuple[int, str]:
    """Units of the smaller arm, and the formula in words. ValueError where the effect does not fit the baseline.

    The size of a fixed-horizon test, times what the plan's way of looking costs, so that it has its power at the end.
    """
    split = plan.routing.split
    factor, why = inflation(plan.method, alpha=plan.alpha, power=plan.power, looks=plan.looks, spending=plan.spending)
    size = _fixed(plan, ratio=split / (1 - split), design_effect=factor)
    smaller = min(size.control, size.treatment)
    return smaller, _sentence(plan, size, smaller, why)


@lru_cache(maxsize=256)
def inflation(method: str, *, alpha: float, power: float, looks: int, spending: str) -> tuple[float, str]:
    """How many times the units of a fixed-horizon test are needed for the same power at the last look, and why."""
    z_alpha, z_power = NORMAL.inv_cdf(1 - alpha / 2), NORMAL.inv_cdf(power)
    if method == "fixed_horizon":
        return 1.0, ""
    if method == "confidence_sequence":
        half = sequential.asymptotic_confidence_sequence(0, 1, 1_000_000, n_star=1_000_000, alpha=alpha).ci_high or 0
        factor = ((half + z_power) / (z_alpha + z_power)) ** 2
        return factor, f"times {factor:.2f}, since the confidence sequence may be read at any time"
    design = sequential.group_sequential_bounds(
        [look / looks for look in range(1, looks + 1)],
        alpha=alpha,
        spending="pocock" if spending == "pocock" else "obrien-fleming",
    )

    def lacking(drift: float) -> float:
        return sequential.crossing_probability(design.bounds, design.information, drift=drift)[-1] - power

    drift = float(optimize.brentq(lacking, 0.1, 20, xtol=1e-6))
    factor = (drift / (z_alpha + z_power)) ** 2
    return factor, f"times {factor:.2f} for {looks} planned looks"


def _fixed(plan: "Plan", *, ratio: float, design_effect: float) -> power.SampleSize:
    primary = plan.primary
    if primary.kind == "rate":
        effect = plan.mde if primary.direction == "higher" else -plan.mde
        return power.sample_size_two_proportions(
            plan.baseline, effect, alpha=plan.alpha, power=plan.power, ratio=ratio, design_effect=design_effect
        )
    return power.sample_size_means(
        (plan.baseline_sd or 0) * _widening(primary.q),
        plan.mde,
        alpha=plan.alpha,
        power=plan.power,
        ratio=ratio,
        design_effect=design_effect,
    )


def _widening(q: float | None) -> float:
    """The error of a normal sample's q-quantile over that of its mean: sqrt(q (1 - q)) / density at the quantile."""
    return 1.0 if q is None else math.sqrt(q * (1 - q)) / NORMAL.pdf(NORMAL.inv_cdf(q))


def _sentence(plan: "Plan", size: power.SampleSize, smaller: int, why: str) -> str:
    primary = plan.primary
    if primary.kind == "rate":
        what = "Two-proportion z-test (pooled, two-sided)"
        given = f"{primary.title} from {plan.baseline:g} by {plan.mde:g}"
    else:
        what = "Two-sample t-test (two-sided)"
        given = f"{primary.title} by {plan.mde:g}, one unit's spread {plan.baseline_sd:g}"
        if primary.q is not None:
            given += f", widened {_widening(primary.q):.2f} times for the {primary.q:g} quantile of normal values"
        elif primary.kind == "ratio":
            given += " (of numerator less ratio times denominator, over the mean denominator)"
    parts = [f"{what}: {given}, α {plan.alpha:g}, power {plan.power:g}"]
    if why:
        parts.append(why)
    if size.control == size.treatment:
        return f"{', '.join(parts)}: {smaller:,} units in each arm."
    parts.append(
        f"{size.control:,} control and {size.treatment:,} treatment units at a split of {plan.routing.split:g}"
    )
    return f"{', '.join(parts)}: {smaller:,} units in the smaller arm."
