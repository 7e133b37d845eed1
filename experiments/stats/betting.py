"""A mean of bounded values that may be looked at after each of them, with no assumption on their spread or shape."""

import math

import numpy as np
from numpy.typing import ArrayLike

from experiments.stats import checks
from experiments.stats.checks import Floats
from experiments.stats.result import Estimate

LARGEST_STAKE = 0.5
HALVINGS = 34
METHOD = "betting confidence sequence for a bounded mean (hedged capital)"


def bounded_mean_confidence_sequence(values: ArrayLike, *, null: float = 0.5, alpha: float = 0.05) -> Estimate:
    """An interval for the mean of values in [0, 1], valid at every number of them, and p against `null`.

    values: in the order in which they came. Valid if each has the same mean given those before it: independent draws
    do, and so does any order that does not depend on what is still to come. A gambler bets on both sides of every
    candidate mean m with stakes set by the spread so far; m is out once one side has turned 1 into 2 / alpha, and
    stays out. p: the inverse of the largest capital won against `null`, halved for the two sides.
    Source: Waudby-Smith & Ramdas 2023, J. R. Stat. Soc. B 86:1, theorem 3 with eq. 26, c = 1/2, theta = 1/2.
    """
    level = checks.open_unit("alpha", alpha)
    tested = checks.open_unit("null", null)
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError("values must be one-dimensional")
    if x.size == 0:
        return Estimate(alpha=level, n=0, method=METHOD, warnings=("There is nothing to look at yet.",))
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError("values must lie in [0, 1]")
    stakes = _stakes(x, level)
    best = max(_capital(x, stakes, tested), _capital(1 - x, stakes, 1 - tested))
    return Estimate(
        estimate=float(x.mean()),
        ci_low=_lower(x, stakes, level),
        ci_high=1 - _lower(1 - x, stakes, level),
        p_value=min(1.0, math.exp(min(0.0, math.log(2) - best))),
        alpha=level,
        n=x.size,
        method=METHOD,
    )


def _stakes(x: Floats, alpha: float) -> Floats:
    """What to bet on each value, from those before it alone."""
    t = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.concatenate(([0.25], variance[:-1]))
    return np.asarray(np.sqrt(2 * math.log(2 / alpha) / (before * t * np.log1p(t))))


def _capital(x: Floats, stakes: Floats, mean: float) -> float:
    """Logarithm of the most that betting on "above `mean`" was ever worth. Falls as `mean` rises."""
    growth = np.log1p(np.minimum(stakes, LARGEST_STAKE / mean) * (x - mean))
    return float(np.maximum.accumulate(np.cumsum(growth))[-1])


def _lower(x: Floats, stakes: Floats, alpha: float) -> float:
    """The largest mean that is out from below, by bisection."""
    enough = math.log(2 / alpha)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _capital(x, stakes, middle) >= enough else (low, middle)
    return low
