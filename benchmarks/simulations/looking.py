"""Tests that are watched while they run."""

import numpy as np
from scipy import special

from benchmarks.simulations.promise import Promise, Trial
from experiments.stats.betting import bounded_mean_confidence_sequence
from experiments.stats.checks import Floats
from experiments.stats.proportions import two_proportion_test
from experiments.stats.sequential import (
    asymptotic_confidence_sequence,
    group_sequential_bounds,
    msprt,
    win_rate_confidence_sequence,
)

LOOKS = 50
PER_LOOK = 200
PLANNED = (0.2, 0.4, 0.6, 0.8, 1.0)
FIVE = 500


def differences(rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Difference, standard error and n of a rate of 30% in both arms, at 50 looks."""
    seen = np.cumsum(rng.binomial(PER_LOOK, 0.3, (2, LOOKS)), axis=1)
    n = PER_LOOK * np.arange(1.0, LOOKS + 1)
    rates = seen / n
    return rates[1] - rates[0], np.sqrt((rates * (1 - rates)).sum(axis=0) / n), n


def sequence_errs(rng: np.random.Generator) -> bool:
    """Stops looking at the first exclusion of the truth."""
    looks = zip(*differences(rng), strict=True)
    return any((asymptotic_confidence_sequence(d, se, 2 * n).p_value or 1) < 0.05 for d, se, n in looks)


def mixture_errs(rng: np.random.Generator) -> bool:
    return any((msprt(d, se, tau2=0.0009, n=n).p_value or 1) < 0.05 for d, se, n in zip(*differences(rng), strict=True))


def peeking_errs(rng: np.random.Generator) -> bool:
    difference, se, _ = differences(rng)
    return bool((np.abs(difference) > 1.96 * se).any())


def win_rate_errs(rate: float) -> Trial:
    def trial(rng: np.random.Generator) -> bool:
        wins = np.cumsum(rng.binomial(20, rate, LOOKS))
        looks = (win_rate_confidence_sequence(int(won), 20 * (look + 1)) for look, won in enumerate(wins))
        return any(not (one.ci_low or 0) <= rate <= (one.ci_high or 1) for one in looks)

    return trial


def stopping_errs(rng: np.random.Generator) -> bool:
    """A campaign without a preference, looked at after each of 300 pairs: three reviewers who mostly follow each other.

    What was excluded at any look stays out, so one look at the end tells whether any look had erred.
    """
    leaning = rng.integers(0, 2, (300, 1))
    follows = rng.random((300, 3)) < 0.9
    scores = np.where(follows, leaning, 1 - leaning).mean(axis=1)
    return (bounded_mean_confidence_sequence(scores).p_value or 1) <= 0.05


def planned_looks(spending: str, lead: float) -> Trial:
    """Two arms of 2,500, five looks, the pooled z of the page against the bound."""
    bounds = group_sequential_bounds(PLANNED, spending=spending).bounds  # type: ignore[arg-type]

    def trial(rng: np.random.Generator) -> bool:
        seen = np.cumsum(rng.binomial(FIVE, [[0.3], [0.3 + lead]], (2, 5)), axis=1)
        for look, bound in enumerate(bounds):
            n = FIVE * (look + 1)
            z = two_proportion_test(int(seen[0, look]), n, int(seen[1, look]), n).z
            if z is not None and abs(z) >= bound:
                return True
        return False

    return trial


def fixed_design_power(lead: float) -> float:
    n, p0, p1 = 5 * FIVE, 0.3, 0.3 + lead
    se = np.sqrt((p0 * (1 - p0) + p1 * (1 - p1)) / n)
    return float(special.ndtr(lead / se - 1.96))


PROMISES = [
    Promise("confidence sequence, 50 looks, any error", sequence_errs, 0, 0.05, 10_000, 150, data="looks"),
    Promise("mSPRT, 50 looks, any error", mixture_errs, 0, 0.05, 10_000, 150, data="looks"),
    Promise("fixed test at each of the 50 looks", peeking_errs, 0.25, 1, 10_000, 400, "why not", data="looks"),
    Promise("Bernoulli sequence at 50%, 50 looks", win_rate_errs(0.5), 0, 0.05, 2_000, 30),
    Promise("Bernoulli sequence at 80%, 50 looks", win_rate_errs(0.8), 0, 0.05, 2_000, 30),
    Promise("betting sequence, a look after each of 300 pairs", stopping_errs, 0, 0.05, 10_000, 150),
    Promise("O'Brien-Fleming-like, 5 looks, any error", planned_looks("obrien-fleming", 0), 0.043, 0.057, 20_000, 300),
    Promise("Pocock-like, 5 looks, any error", planned_looks("pocock", 0), 0.043, 0.057, 20_000, 300),
    Promise(
        "O'Brien-Fleming-like, power beside a fixed test",
        planned_looks("obrien-fleming", 0.04),
        fixed_design_power(0.04) - 0.02,
        fixed_design_power(0.04) + 0.005,
        10_000,
        200,
        f"fixed: {fixed_design_power(0.04):.1%}",
    ),
]
