"""Elo ratings, period by period."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks


def elo(periods: ArrayLike, *, k: float = 4.0, initial: float = 1000.0, scale: float = 400.0) -> tuple[float, ...]:
    """Ratings after each period's results: R + k (points - expected points), all from the ratings before it.

    periods: P x q x q wins of row over column, ties half, or one q x q matrix. Elo's rule for tournaments; with one
    vote a period it is the running Elo of chat arenas, whose result depends on the accidental order of the votes, and
    which has no interval. Shown because users know it; nothing is decided by it. Source: Elo 1978, section 1.6.
    """
    wins = np.asarray(periods, dtype=np.float64)
    wins = wins[None] if wins.ndim == 2 else wins
    if wins.ndim != 3 or wins.size == 0 or wins.shape[1] != wins.shape[2]:
        raise ValueError(f"periods must be q x q matrices, not of shape {wins.shape}")
    if not np.isfinite(wins).all() or (wins < 0).any():
        raise ValueError("periods must hold finite numbers of at least 0")
    step, width = checks.positive("k", k), checks.positive("scale", scale)
    ratings = np.full(wins.shape[1], checks.finite("initial", initial))
    for period in wins:
        chance = special.expit((ratings[:, None] - ratings[None, :]) * math.log(10) / width)
        ratings = ratings + step * (period.sum(axis=1) - ((period + period.T) * chance).sum(axis=1))
    return tuple(float(rating) for rating in ratings)
