"""Bradley-Terry strengths by Newton, with a position term and clustered errors."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks
from experiments.stats.checks import Floats, Ints
from experiments.stats.ranking import newton
from experiments.stats.ranking.graph import comparison_graph
from experiments.stats.ranking.result import ModelStrength, Ranking, model_names, strengths, unknown_strengths
from experiments.stats.ranking.votes import Votes, vote_arrays
from experiments.stats.result import TestResult

WEAK_PRIOR = 0.01


def bradley_terry(
    counts: ArrayLike,
    *,
    prior: float = WEAK_PRIOR,
    position: ArrayLike | None = None,
    clusters: Votes | None = None,
    names: Sequence[str] | None = None,
    alpha: float = 0.05,
) -> Ranking:
    """Log strengths theta with P(i beats j) = 1 / (1 + exp(theta_j - theta_i)), centred at 0.

    counts: q x q, wins of row over column, a tie half a win for each. With `position`, counts[i, j] is won and
    position[i, j] lost by i when i was shown first against j, and the log odds of being first are estimated too.
    prior: precision of a normal prior on each strength; it keeps a model that never won finite, 0 gives plain maximum
    likelihood (and no strengths where that does not exist). clusters: the same votes one by one, with what they share;
    errors then come from the cluster sandwich, G / (G - 1), else from the information, as if votes were independent.
    Source: Bradley & Terry 1952, Biometrika 39:324; Hunter 2004, Ann. Stat. 32:384; sandwich: Liang & Zeger 1986.
    """
    won = checks.matrix("counts", counts, square=True)
    precision = checks.not_negative("prior", prior)
    level = checks.open_unit("alpha", alpha)
    lost = None if position is None else checks.matrix("position", position, square=True)
    if lost is not None and lost.shape != won.shape:
        raise ValueError(f"position has shape {lost.shape}, expected {won.shape}")
    if np.trace(won) + (0 if lost is None else np.trace(lost)) > 0:
        raise ValueError("counts and position must be 0 on the diagonal: no model is compared with itself")
    q = won.shape[0]
    if q < 2:
        raise ValueError("counts must compare at least two models")
    labels = model_names(names, q)
    played = won if lost is None else won + lost
    graph = comparison_graph(won if lost is None else won + lost.T, labels)
    total, games = float(played.sum()), played.sum(axis=0) + played.sum(axis=1)
    method = _method(precision, lost is not None, clusters is not None)
    if total == 0 or (graph.separated and precision == 0):
        reason = "There is no comparison." if total == 0 else "Without a prior some strengths would be infinite."
        none = unknown_strengths(graph.components, labels, games, level, method, reason)
        return _ranking(none, np.zeros((0, 0)), graph.components, None, level, total, method, (reason, *graph.warnings))
    fitted = newton.fit(won, played, graph.components, precision, with_position=lost is not None)
    meat, notes = (None, ()) if clusters is None else _meat(clusters, fitted, played)
    spread = newton.covariance(fitted, graph.components, meat)
    models = strengths(fitted.theta, spread[:q, :q], graph.components, labels, games, level, method)
    notes += () if fitted.converged else ("Newton's method had not settled after 100 steps.",)
    place = None if lost is None else _position_term(fitted.position, math.sqrt(spread[q, q]), level, total)
    return _ranking(models, spread[:q, :q], graph.components, place, level, total, method, graph.warnings + notes)


def _meat(votes: Votes, fitted: newton.Fit, played: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Sum over clusters of the outer product of their summed scores."""
    q, size = fitted.theta.size, fitted.hessian.shape[0]
    vote = vote_arrays(votes, q)
    if abs(float(vote.weight.sum()) - float(played.sum())) > 1e-6 * float(played.sum()):
        raise ValueError(f"clusters hold {vote.weight.sum():g} votes, counts {played.sum():g}")
    groups = int(vote.cluster.max()) + 1
    if groups < 2:
        raise ValueError("clusters must hold at least two clusters")
    logit = fitted.theta[vote.first] - fitted.theta[vote.second] + fitted.position
    residual = vote.weight * (vote.score - special.expit(logit))
    cells = np.concatenate([vote.cluster * q + vote.first, vote.cluster * q + vote.second])
    scores = np.bincount(cells, weights=np.concatenate([residual, -residual]), minlength=groups * q).reshape(groups, q)
    if size > q:
        scores = np.column_stack([scores, np.bincount(vote.cluster, weights=residual, minlength=groups)])
    notes = () if groups >= 5 * q else (f"{groups} clusters for {q} models are few: errors are too small.",)
    return np.asarray(scores.T @ scores * (groups / (groups - 1))), notes


def _position_term(value: float, se: float, alpha: float, total: float) -> TestResult:
    half = float(special.ndtri(1 - alpha / 2)) * se
    return TestResult(
        estimate=value,
        ci_low=value - half,
        ci_high=value + half,
        p_value=2 * special.ndtr(-abs(value) / se),
        alpha=alpha,
        n=round(total),
        method="log odds of being shown first, Wald test",
        statistic=value / se,
        se=se,
    )


def _method(prior: float, with_position: bool, with_clusters: bool) -> str:
    parts = ["Bradley-Terry", f"normal prior with precision {prior:g}" if prior else "maximum likelihood"]
    parts += ["position term"] if with_position else []
    parts += ["cluster-robust errors"] if with_clusters else []
    return ", ".join(parts)


def _ranking(
    models: tuple[ModelStrength, ...],
    spread: Floats,
    components: Ints,
    position: TestResult | None,
    alpha: float,
    total: float,
    method: str,
    notes: tuple[str, ...],
) -> Ranking:
    return Ranking(
        models=models,
        covariance=tuple(tuple(float(value) for value in row) for row in spread),
        components=tuple(int(component) for component in components),
        position=position,
        alpha=alpha,
        n=round(total),
        method=method,
        warnings=notes,
    )
