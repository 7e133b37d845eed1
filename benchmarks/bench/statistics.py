"""A million votes or labels: our counts and sums beside the public packages that do the same on the same data."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import evalica
import krippendorff
import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from annotations.agreement import cohen_kappa, contingency, krippendorff_alpha
from benchmarks.table import Row
from experiments.stats.checks import Floats, Ints
from experiments.stats.preference import win_rate_clustered
from experiments.stats.ranking import bradley_terry, bradley_terry_bootstrap, vote_counts

VOTES = 1_000_000
MODELS = 50
ROUNDS = 100
# the slow ones repeat the same work every round, so a few rounds are timed and the rest counted
TIMED_ROUNDS = 2
FASTCHAT_BUDGET = 20


@dataclass(frozen=True)
class Battles:
    first: Ints
    second: Ints
    score: Floats

    def resampled(self, rng: np.random.Generator) -> "Battles":
        drawn = rng.integers(0, self.first.size, self.first.size)
        return Battles(self.first[drawn], self.second[drawn], self.score[drawn])


def rows() -> Iterable[Row]:
    rng = np.random.default_rng(1)
    battles = league(rng)
    yield from ranking(battles, rng)
    yield clustering(rng)
    yield kappa(rng)
    yield alpha(rng)


def league(rng: np.random.Generator) -> Battles:
    strength = rng.normal(size=MODELS)
    first = rng.integers(0, MODELS, VOTES)
    second = (first + rng.integers(1, MODELS, VOTES)) % MODELS
    win = rng.random(VOTES) < 1 / (1 + np.exp(strength[second] - strength[first]))
    return Battles(first, second, np.where(rng.random(VOTES) < 0.2, 0.5, win))


def ranking(battles: Battles, rng: np.random.Generator) -> Iterable[Row]:
    ours = seconds(lambda: bradley_terry_bootstrap(counts_of(battles), rounds=ROUNDS, seed=1))
    theirs = seconds(lambda: logistic_ranking(battles.resampled(rng)), times=TIMED_ROUNDS) * ROUNDS
    yield row(
        f"Bradley-Terry, {VOTES:,} votes, {MODELS} models, {ROUNDS} bootstrap rounds",
        ours,
        f"FastChat's method, {TIMED_ROUNDS} rounds timed",
        theirs,
        at_least=FASTCHAT_BUDGET,
        note=f"scores differ by at most {ranking_gap(battles):.0e}",
    )
    packaged = seconds(lambda: evalica_ranking(battles.resampled(rng)), times=TIMED_ROUNDS) * ROUNDS
    yield row("the same", ours, f"evalica, {TIMED_ROUNDS} rounds timed", packaged)
    single = seconds(lambda: bradley_terry(counts_of(battles)))
    yield row("the same without bootstrap", single, "evalica", packaged / ROUNDS)


def counts_of(battles: Battles) -> Floats:
    return vote_counts(battles.first, battles.second, battles.score, MODELS)


def logistic_ranking(battles: Battles) -> Floats:
    """LMSYS's notebook: pivot the battles, a tie twice as half, and fit a weighted logistic regression on the pairs."""
    frame = pd.DataFrame({"a": battles.first, "b": battles.second, "won": 2 * battles.score})
    frame["lost"] = 2 - frame["won"]
    cells = frame.groupby(["a", "b"], sort=False)[["won", "lost"]].sum().reset_index()
    a, b, n = cells["a"].to_numpy(), cells["b"].to_numpy(), len(cells)
    design = np.zeros((n, MODELS))
    design[np.arange(n), a], design[np.arange(n), b] = 1, -1
    weight = np.concatenate([cells["won"].to_numpy(), cells["lost"].to_numpy()])
    label = np.repeat([1, 0], n)
    model = LogisticRegression(fit_intercept=False, C=np.inf, tol=1e-6, max_iter=1000)
    model.fit(np.vstack([design, design]), label, sample_weight=weight)
    return np.asarray(model.coef_[0])


def ranking_gap(battles: Battles) -> float:
    ours = np.array(bradley_terry(counts_of(battles), prior=0).strengths, dtype=float)
    theirs = logistic_ranking(battles)
    return float(np.abs(ours - (theirs - theirs.mean())).max())


def evalica_ranking(battles: Battles) -> object:
    outcome = np.array([evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.X])
    winners = outcome[(2 * battles.score).astype(int)].tolist()
    return evalica.bradley_terry(battles.first.tolist(), battles.second.tolist(), winners).scores


def clustering(rng: np.random.Generator) -> Row:
    items, who = np.arange(VOTES) // 5, rng.integers(0, 1000, VOTES)
    scores = rng.choice([0, 0.5, 1], VOTES)
    ours = seconds(lambda: win_rate_clustered(scores, items, who))
    groups = np.column_stack([items, who])

    def theirs() -> object:
        return sm.OLS(scores, np.ones(VOTES)).fit(cov_type="cluster", cov_kwds={"groups": groups})

    return row(f"two-way clustered error, {VOTES:,} votes", ours, "statsmodels OLS", seconds(theirs, times=1))


def kappa(rng: np.random.Generator) -> Row:
    truth = rng.integers(0, 4, VOTES)
    first, second = (np.where(rng.random(VOTES) < 0.7, truth, rng.integers(0, 4, VOTES)) for _ in range(2))
    ours = seconds(lambda: cohen_kappa(contingency(first, second, 4)))
    theirs = seconds(lambda: cohen_kappa_score(first, second))
    gap = abs((cohen_kappa(contingency(first, second, 4)).estimate or 0) - cohen_kappa_score(first, second))
    return row(
        f"Cohen's kappa with interval, {VOTES:,} labels each", ours, "scikit-learn", theirs, note=f"differ by {gap:.0e}"
    )


def alpha(rng: np.random.Generator) -> Row:
    units = VOTES // 5
    truth = rng.integers(0, 4, units)
    ratings = np.where(rng.random((5, units)) < 0.7, truth, rng.integers(0, 4, (5, units))).astype(float)
    ours = seconds(lambda: krippendorff_alpha(ratings))

    def theirs() -> float:
        return float(krippendorff.alpha(ratings, level_of_measurement="nominal"))

    gap = abs((krippendorff_alpha(ratings).estimate or 0) - theirs())
    return row(
        f"Krippendorff's alpha with interval, {VOTES:,} labels",
        ours,
        "krippendorff",
        seconds(theirs),
        note=f"differ by {gap:.0e}",
    )


def seconds(work: Callable[[], object], *, times: int = 3) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def row(name: str, ours: float, package: str, theirs: float, *, at_least: float | None = None, note: str = "") -> Row:
    ratio = theirs / ours
    return Row(
        name=name,
        ours=f"{ours:.3g} s",
        yardstick=f"{theirs:.3g} s ({package})",
        ratio=f"{ratio:.3g}x",
        bound="" if at_least is None else f"{at_least:g}x",
        ok=None if at_least is None else ratio >= at_least,
        note=note,
    )
