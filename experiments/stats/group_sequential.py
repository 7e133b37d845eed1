"""Boundary crossing of a Brownian motion at planned looks: the recursion behind group-sequential bounds."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from experiments.stats.checks import Floats

NODES = 400
LARGEST_BOUND = 8.0


class Walk:
    """Score process S(t) with S(t) / sqrt(t) the z-value, alive while |z| stays below the bound at every look.

    Armitage, McPherson & Rowe 1969, JRSS A 132:235: the density of the surviving paths is carried from look to look,
    here on Gauss-Legendre nodes. `drift` is the expected z-value at t = 1.
    """

    def __init__(self, drift: float = 0.0) -> None:
        self.drift = drift
        self.at = 0.0
        self.nodes = np.zeros(1)
        self.mass = np.ones(1)

    def crossing(self, t: float, bound: float) -> float:
        """Chance to cross at this look, having survived those before."""
        limit, step = bound * math.sqrt(t), t - self.at
        mean, sd = self.nodes + self.drift * step, math.sqrt(step)
        beyond = special.ndtr((mean - limit) / sd) + special.ndtr((-limit - mean) / sd)
        return float(self.mass @ beyond)

    def survive(self, t: float, bound: float) -> None:
        limit, step = bound * math.sqrt(t), t - self.at
        points, weights = _legendre(NODES)
        nodes = limit * points
        # In place: of so large a matrix, each copy costs as much as its arithmetic.
        kernel = nodes[:, None] - self.nodes[None, :]
        if self.drift:
            kernel -= self.drift * step
        kernel /= math.sqrt(step)
        kernel *= kernel
        kernel /= -2
        np.exp(kernel, out=kernel)
        density = kernel @ self.mass / math.sqrt(2 * math.pi * step)
        self.at, self.nodes, self.mass = t, nodes, density * weights * limit


def crossing_probabilities(bounds: Floats, information: Floats, drift: float = 0.0) -> Floats:
    walk = Walk(drift)
    found = np.empty(bounds.size)
    for look, (t, bound) in enumerate(zip(information, bounds, strict=True)):
        found[look] = walk.crossing(float(t), float(bound))
        if look + 1 < bounds.size:
            walk.survive(float(t), float(bound))
    return found


def spending_bounds(information: Floats, spent: Floats, stretches: Sequence[Floats] = ()) -> Floats:
    """The bounds at which the chance to have crossed is `spent` after each look.

    stretches: the information of the looks of each stretch of data, in any unit; one of `information` itself without.
    """
    bounds: list[float] = []
    for clock in stretches or [information]:
        # Of what was seen in other data nothing is known: the chances of the stretches add up at most.
        walk = Walk()
        for place, t in enumerate(clock, start=1):
            look = len(bounds)
            share = float(spent[look] - (spent[look - 1] if look else 0.0))
            bounds.append(_bound(walk, float(t), share))
            if place < len(clock):
                walk.survive(float(t), bounds[-1])
    return np.asarray(bounds)


def shaped_bounds(information: Floats, shape: Floats, alpha: float) -> Floats:
    """shape * C, with C such that the looks together err with probability alpha."""

    def excess(constant: float) -> float:
        return float(crossing_probabilities(shape * constant, information).sum()) - alpha

    return np.asarray(shape * optimize.brentq(excess, 0.5, LARGEST_BOUND, xtol=1e-10))


def _bound(walk: Walk, t: float, share: float) -> float:
    if walk.crossing(t, LARGEST_BOUND) >= share:
        return LARGEST_BOUND
    return float(optimize.brentq(lambda bound: walk.crossing(t, bound) - share, 0.0, LARGEST_BOUND, xtol=1e-12))


@lru_cache(maxsize=2)
def _legendre(size: int) -> tuple[Floats, Floats]:
    points, weights = np.polynomial.legendre.leggauss(size)
    return points, weights
