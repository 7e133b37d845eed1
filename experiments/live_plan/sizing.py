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
Arms = dict[str, int]
# In units of one unit's spread: below it the size exceeds all traffic, above it a handful of units is enough.
SMALLEST_EFFECT = 1e-6
LARGEST_EFFECT = 1.0


def planned_size(plan: "Plan") -> tuple[int, str]:
    """Units of the smaller arm, and the formula in words. ValueError where the effect does not fit the baseline.

    The size of a fixed-horizon test, times what the plan's way of looking costs, so that it has its power at the end.
    """
    factor, why = inflation(plan.method, alpha=plan.alpha, power=plan.power, looks=plan.looks, spending=plan.spending)
    size = _rate(plan, factor) if plan.primary.kind == "rate" else _mean(plan, factor)
    return min(size.values()), _sentence(plan, size, why)


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

    least = z_alpha + z_power
    # Looking costs little: the drift that a single look needs, and a little more.
    most = next(more * least for more in (1.3, 2, 10, 1000) if lacking(more * least) > 0)
    drift = float(optimize.brentq(lacking, least * 0.01, most, xtol=1e-4))
    factor = (drift / (z_alpha + z_power)) ** 2
    return factor, f"times {factor:.2f} for {looks} planned looks"


def _rate(plan: "Plan", factor: float) -> Arms:
    effect = plan.mde if plan.primary.direction == "higher" else -plan.mde
    size = power.sample_size_two_proportions(
        plan.baseline,
        effect,
        alpha=plan.alpha,
        power=plan.power,
        ratio=plan.routing.split / (1 - plan.routing.split),
        design_effect=factor,
    )
    return {"control": size.control, "treatment": size.treatment}


def _mean(plan: "Plan", factor: float) -> Arms:
    """Both arms have one spread, so the smaller arm may be asked for first: from there the search finds its way."""
    sd, split = (plan.baseline_sd or 0) * _widening(plan.primary.q), plan.routing.split
    if plan.mde < sd * SMALLEST_EFFECT:
        raise ValueError(f"it is {plan.mde / sd:.1e} of one unit's spread")
    smaller, larger = sorted((split, 1 - split))
    size = power.sample_size_means(
        sd,
        min(plan.mde, sd * LARGEST_EFFECT),
        alpha=plan.alpha,
        power=plan.power,
        ratio=larger / smaller,
        design_effect=factor,
    )
    arms = ("treatment", "control") if split < 1 - split else ("control", "treatment")
    return dict(zip(arms, (size.control, size.treatment), strict=True))


def _widening(q: float | None) -> float:
    """The error of a normal sample's q-quantile over that of its mean: sqrt(q (1 - q)) / density at the quantile."""
    return 1.0 if q is None else math.sqrt(q * (1 - q)) / NORMAL.pdf(NORMAL.inv_cdf(q))


def _sentence(plan: "Plan", size: Arms, why: str) -> str:
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
    if size["control"] == size["treatment"]:
        return f"{', '.join(parts)}: {size['control']:,} units in each arm."
    both = f"{size['control']:,} control and {size['treatment']:,} treatment units"
    return f"{', '.join(parts)}: {both} at a split of {plan.routing.split:g}."
