"""Agreement coefficients, rankings, and rates from imperfect judges."""

import numpy as np

from annotations.agreement import (
    Agreement,
    cohen_kappa,
    contingency,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    percent_agreement,
)
from benchmarks.simulations.promise import Promise, Trial, covers
from experiments.stats.checks import Floats, Ints
from experiments.stats.labels import LabelledArm, judge_corrected_rate, ppi_difference, ppi_mean
from experiments.stats.ranking import Votes, bradley_terry, bradley_terry_bootstrap, davidson, vote_counts

SHARES = np.array([0.5, 0.3, 0.2])
RIGHT = 0.8


def ratings(rng: np.random.Generator, raters: int, units: int) -> Ints:
    """Each rater finds the true category with chance .8 and guesses by the shares otherwise."""
    truth = rng.choice(3, size=units, p=SHARES)
    guess = rng.choice(3, size=(raters, units), p=SHARES)
    return np.where(rng.random((raters, units)) < RIGHT, truth, guess)


# Two ratings share their truth with chance .8 squared, and are else independent with equal margins.
TRUE_KAPPA = RIGHT**2
CHANCE = float(SHARES @ SHARES)
TRUE_AGREEMENT = TRUE_KAPPA + (1 - TRUE_KAPPA) * CHANCE
AC1_CHANCE = float((SHARES * (1 - SHARES)).sum() / 2)
TRUE_AC1 = (TRUE_AGREEMENT - AC1_CHANCE) / (1 - AC1_CHANCE)


def holds(result: Agreement, truth: float) -> bool:
    return result.ci_low is not None and result.ci_high is not None and result.ci_low <= truth <= result.ci_high


def unit_counts(codes: Ints) -> Floats:
    return np.stack([(codes == k).sum(axis=0) for k in range(3)], axis=1).astype(float)


def kappa_covers(rng: np.random.Generator) -> bool:
    codes = ratings(rng, 2, 150)
    return holds(cohen_kappa(contingency(codes[0], codes[1], 3)), TRUE_KAPPA)


def fleiss_covers(rng: np.random.Generator) -> bool:
    return holds(fleiss_kappa(unit_counts(ratings(rng, 4, 100))), TRUE_KAPPA)


def ac1_covers(rng: np.random.Generator) -> bool:
    return holds(gwet_ac(unit_counts(ratings(rng, 4, 100))), TRUE_AC1)


def percent_covers(rng: np.random.Generator) -> bool:
    return holds(percent_agreement(unit_counts(ratings(rng, 4, 100))), TRUE_AGREEMENT)


def alpha_covers(bootstrap: int) -> Trial:
    def trial(rng: np.random.Generator) -> bool:
        codes = ratings(rng, 4, 120).astype(float)
        codes[rng.random(codes.shape) < 0.3] = np.nan
        seed = int(rng.integers(2**31))
        return holds(krippendorff_alpha(codes, bootstrap=bootstrap, seed=seed), TRUE_KAPPA)

    return trial


STRENGTH = np.array([0.6, 0.2, 0.0, -0.2, -0.6])


def league(rng: np.random.Generator, votes: int, shared: float = 0.0) -> tuple[Ints, Ints, Floats, Ints]:
    """Votes in tasks of five; `shared` correlates the votes of a task and leaves their margin as it is."""
    task = np.arange(votes) // 5
    pairs = rng.integers(0, 5, votes // 5), rng.integers(1, 5, votes // 5)
    first = pairs[0][task]
    second = (first + pairs[1][task]) % 5
    own, common = rng.random(votes), rng.random(votes // 5)[task]
    draw = np.where(rng.random(votes) < shared, common, own)
    win = draw < 1 / (1 + np.exp(STRENGTH[second] - STRENGTH[first]))
    return first, second, win.astype(float), task


def strength_covers(rng: np.random.Generator) -> bool:
    first, second, score, _ = league(rng, 500)
    return covers(bradley_terry(vote_counts(first, second, score, 5)).models[0], float(STRENGTH[0]))


def clustered_strength(*, clustered: bool) -> Trial:
    def trial(rng: np.random.Generator) -> bool:
        first, second, score, task = league(rng, 1000, shared=0.5)
        votes = Votes(first=first, second=second, score=score, cluster=task) if clustered else None
        result = bradley_terry(vote_counts(first, second, score, 5), clusters=votes)
        return covers(result.models[0], float(STRENGTH[0]))

    return trial


def bootstrap_strength_covers(rng: np.random.Generator) -> bool:
    first, second, score, _ = league(rng, 500)
    counts = vote_counts(first, second, score, 5)
    result = bradley_terry_bootstrap(counts, rounds=400, seed=int(rng.integers(2**31)))
    return covers(result.models[0], float(STRENGTH[0]))


def rank_covers(rng: np.random.Generator) -> bool:
    first, second, score, _ = league(rng, 500)
    second_best = bradley_terry(vote_counts(first, second, score, 5)).models[1]
    return (second_best.rank_low or 9) <= 2 <= (second_best.rank_high or 0)


def position_covers(rng: np.random.Generator) -> bool:
    first = rng.integers(0, 5, 800)
    second = (first + rng.integers(1, 5, 800)) % 5
    win = rng.random(800) < 1 / (1 + np.exp(STRENGTH[second] - STRENGTH[first] - 0.3))
    won, lost = np.zeros((5, 5)), np.zeros((5, 5))
    np.add.at(won, (first[win], second[win]), 1)
    np.add.at(lost, (first[~win], second[~win]), 1)
    term = bradley_terry(won, position=lost).position
    return term is not None and covers(term, 0.3)


def davidson_covers(rng: np.random.Generator) -> bool:
    wins, ties, nu = np.zeros((5, 5)), np.zeros((5, 5)), 0.8
    for i in range(5):
        for j in range(i + 1, 5):
            half = (STRENGTH[i] - STRENGTH[j]) / 2
            weights = np.array([np.exp(half), np.exp(-half), nu])
            wins[i, j], wins[j, i], ties[i, j] = rng.multinomial(60, weights / weights.sum())
    return covers(davidson(wins, ties).models[0], float(STRENGTH[0]))


def judged(rng: np.random.Generator, rate: float, cases: int) -> tuple[Floats, Floats]:
    truth = (rng.random(cases) < rate).astype(float)
    return truth, np.where(rng.random(cases) < 0.85, truth, 1 - truth)


def arm(rng: np.random.Generator, rate: float) -> LabelledArm:
    human, judge = judged(rng, rate, 150)
    far = judged(rng, rate, 3000)[1]
    return LabelledArm(human=human, judge=judge, unlabelled_n=3000, unlabelled_sum=float(far.sum()))


def ppi_covers(*, tuned: bool) -> Trial:
    def trial(rng: np.random.Generator) -> bool:
        one = arm(rng, 0.6)
        far = {"unlabelled_n": one.unlabelled_n, "unlabelled_sum": one.unlabelled_sum}
        return covers(ppi_mean(one.human, one.judge, tuned=tuned, **far), 0.6)  # type: ignore[arg-type]

    return trial


def ppi_difference_covers(rng: np.random.Generator) -> bool:
    return covers(ppi_difference(arm(rng, 0.5), arm(rng, 0.6)), 0.1)


def corrected_covers(rng: np.random.Generator) -> bool:
    sensitivity, specificity, rate = 0.9, 0.8, 0.35
    seen = rng.binomial(500, rate * sensitivity + (1 - rate) * (1 - specificity))
    hits, passes = rng.binomial(100, sensitivity), rng.binomial(100, specificity)
    result = judge_corrected_rate(
        seen / 500, hits / 100, passes / 100, judge_n=500, sensitivity_n=100, specificity_n=100
    )
    return covers(result, rate)


PROMISES = [
    Promise("Cohen's kappa, interval", kappa_covers, 0.935, 0.965, 20_000, 500),
    Promise("Fleiss' kappa, interval", fleiss_covers, 0.935, 0.965, 20_000, 500),
    Promise("AC1, interval", ac1_covers, 0.935, 0.965, 20_000, 500),
    Promise("percent agreement, interval", percent_covers, 0.935, 0.965, 20_000, 500),
    Promise("Krippendorff's alpha, gaps, interval", alpha_covers(0), 0.935, 0.965, 20_000, 400),
    Promise("Krippendorff's alpha, bootstrap interval", alpha_covers(400), 0.935, 0.965, 4_000, 40),
    Promise("Bradley-Terry strength, interval", strength_covers, 0.935, 0.965, 10_000, 300),
    Promise(
        "strength, votes of a task correlated",
        clustered_strength(clustered=True),
        0.935,
        0.965,
        6_000,
        200,
        data="tasks",
    ),
    Promise(
        "the same taken as independent",
        clustered_strength(clustered=False),
        0,
        0.90,
        6_000,
        200,
        "why not",
        data="tasks",
    ),
    Promise("Bradley-Terry bootstrap, interval", bootstrap_strength_covers, 0.935, 0.965, 4_000, 60),
    Promise("rank interval", rank_covers, 0.95, 1, 10_000, 300, "simultaneous over rivals"),
    Promise("position term, interval", position_covers, 0.935, 0.965, 6_000, 200),
    Promise("Davidson strength, interval", davidson_covers, 0.935, 0.965, 4_000, 150),
    Promise("PPI++ mean, interval", ppi_covers(tuned=True), 0.935, 0.965, 20_000, 500),
    Promise("PPI mean, interval", ppi_covers(tuned=False), 0.935, 0.965, 20_000, 500),
    Promise("PPI++ difference, interval", ppi_difference_covers, 0.935, 0.965, 10_000, 400),
    Promise("judge-corrected rate, interval", corrected_covers, 0.935, 0.965, 20_000, 800),
]
