"""Intervals and tails of one binomial count, and of the difference of two."""

import math

import numpy as np
from scipy import optimize, special

Interval = tuple[float, float]


def binomial_p(successes: int, n: int) -> float:
    """Exact two-sided p of successes out of n against one half (the two tails are equal)."""
    return min(1.0, 2 * float(special.bdtr(min(successes, n - successes), n, 0.5)))


def wilson(rate: float, n: float, alpha: float) -> Interval:
    """Wilson's interval for a rate seen on n observations; n may be an effective, broken number."""
    z2 = float(special.ndtri(1 - alpha / 2)) ** 2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if rate == 0 else max(0.0, centre - half)
    high = 1.0 if rate == 1 else min(1.0, centre + half)
    return low, high


def fisher_p(control_successes: int, control_n: int, treatment_successes: int, treatment_n: int) -> float:
    """Fisher's exact two-sided p for two rates; a few milliseconds a call."""
    # Here, since it takes a third of a second to load, which every process would spend.
    from scipy import stats

    table = [
        [treatment_successes, treatment_n - treatment_successes],
        [control_successes, control_n - control_successes],
    ]
    return float(stats.fisher_exact(np.array(table))[1])


def clopper_pearson(successes: int, n: int, alpha: float) -> Interval:
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, n - successes + 1, alpha / 2))
    high = 1.0 if successes == n else float(special.betaincinv(successes + 1, n - successes, 1 - alpha / 2))
    return low, high


def newcombe(
    control_successes: int, control_n: int, treatment_successes: int, treatment_n: int, *, alpha: float = 0.05
) -> Interval:
    """Newcombe's hybrid score interval (method 10) for treatment minus control."""
    p0, p1 = control_successes / control_n, treatment_successes / treatment_n
    low0, high0 = wilson(p0, control_n, alpha)
    low1, high1 = wilson(p1, treatment_n, alpha)
    difference = p1 - p0
    return difference - math.hypot(p1 - low1, high0 - p0), difference + math.hypot(high1 - p1, p0 - low0)


def score_interval(
    control_successes: int,
    control_n: int,
    treatment_successes: int,
    treatment_n: int,
    *,
    alpha: float = 0.05,
    correction: bool = True,
) -> Interval:
    """Score interval for treatment minus control: Miettinen & Nurminen 1985, or Mee 1984 without the n/(n-1) factor.

    The rates under each hypothesised difference are the constrained maximum of the likelihood, found from its cubic.
    A sensitivity check for Newcombe's; statsmodels' method="score" returns wrong limits in 0.15.
    """
    z = float(special.ndtri(1 - alpha / 2))
    difference = treatment_successes / treatment_n - control_successes / control_n

    def excess(delta: float) -> float:
        se = _constrained_se(control_successes, control_n, treatment_successes, treatment_n, delta, correction)
        return abs(difference - delta) - z * se

    edge = 1 - 1e-12
    low = -1.0 if excess(-edge) <= 0 else float(optimize.brentq(excess, -edge, difference, xtol=1e-13))
    high = 1.0 if excess(edge) <= 0 else float(optimize.brentq(excess, difference, edge, xtol=1e-13))
    return low, high


def _constrained_se(x0: int, n0: int, x1: int, n1: int, delta: float, correction: bool) -> float:
    # Farrington & Manning 1990, Stat. Med. 9:1447: the maximum likelihood rates given p1 - p0 = delta.
    p1, p0, ratio = x1 / n1, x0 / n0, n0 / n1
    a = 1 + ratio
    b = -(1 + ratio + p1 + ratio * p0 + delta * (ratio + 2))
    c = delta * delta + delta * (2 * p1 + ratio + 1) + p1 + ratio * p0
    d = -p1 * delta * (1 + delta)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) + d / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, (b / (3 * a)) ** 2 - c / (3 * a))), v)
    cosine = 0.0 if u == 0 else min(1.0, max(-1.0, v / u**3))
    r1 = min(1.0, max(0.0, 2 * u * math.cos((math.pi + math.acos(cosine)) / 3) - b / (3 * a)))
    r0 = min(1.0, max(0.0, r1 - delta))
    factor = (n0 + n1) / (n0 + n1 - 1) if correction else 1.0
    return math.sqrt(factor * (r1 * (1 - r1) / n1 + r0 * (1 - r0) / n0))


def mid_p(successes: int, n: int) -> float:
    """Mid-p of the exact test against one half: half the probability of what was seen counts."""
    log_point = special.gammaln(n + 1) - special.gammaln(successes + 1) - special.gammaln(n - successes + 1)
    point = math.exp(float(log_point) - n * math.log(2))
    if 2 * successes == n:
        return 1 - point / 2
    return 2 * float(special.bdtr(min(successes, n - successes), n, 0.5)) - point


def mid_p_interval(successes: int, n: int, alpha: float) -> Interval:
    """The rates that the mid-p test does not reject (Berry & Armitage 1995, The Statistician 44:417)."""

    def below(rate: float) -> float:
        """P(X < successes) + half P(X = successes), falling in the rate."""
        under = float(special.bdtr(successes - 1, n, rate)) if successes else 0.0
        return (under + float(special.bdtr(successes, n, rate))) / 2

    edge = 1e-12
    low = 0.0 if successes == 0 else optimize.brentq(lambda r: below(r) - (1 - alpha / 2), edge, 1 - edge)
    high = 1.0 if successes == n else optimize.brentq(lambda r: below(r) - alpha / 2, edge, 1 - edge)
    return float(low), float(high)
