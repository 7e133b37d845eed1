"""Davidson's model: Bradley-Terry in which a tie is an outcome of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks
from experiments.stats.checks import Floats, Ints
from experiments.stats.ranking.bradley_terry import WEAK_PRIOR, bradley_terry
from experiments.stats.ranking.graph import comparison_graph
from experiments.stats.ranking.result import Ranking, model_names, strengths
from experiments.stats.result import Estimate


@dataclass(frozen=True, kw_only=True)
class Davidson(Ranking):
    """`tie` is the tie parameter nu: two equal models tie with chance nu / (2 + nu)."""

    tie: Estimate


def davidson(
    wins: ArrayLike,
    ties: ArrayLike,
    *,
    prior: float = WEAK_PRIOR,
    names: Sequence[str] | None = None,
    alpha: float = 0.05,
) -> Davidson:
    """Log strengths with P(i wins) : P(j wins) : P(tie) = e^(d/2) : e^(-d/2) : nu, d = theta_i - theta_j.

    wins: q x q, row over column, without ties; ties: q x q, ties of row and column in either triangle, added up.
    The sensitivity check of "a tie is half a win": if the sign of a difference changes with the model, ties decide it.
    Votes are taken as independent. Source: Davidson 1970, JASA 65:317.
    """
    won, tied = checks.matrix("wins", wins, square=True), checks.matrix("ties", ties, square=True)
    if tied.shape != won.shape:
        raise ValueError(f"ties has shape {tied.shape}, expected {won.shape}")
    if np.trace(won) + np.trace(tied) > 0:
        raise ValueError("wins and ties must be 0 on the diagonal: no model is compared with itself")
    level, precision = checks.open_unit("alpha", alpha), checks.positive("prior", prior)
    labels, q = model_names(names, won.shape[0]), won.shape[0]
    both = tied + tied.T
    graph = comparison_graph(won + both / 2, labels)
    n, n_ties = round(float(won.sum() + tied.sum())), float(tied.sum())
    if n_ties == 0 or won.sum() == 0:
        return _without_ties(won, both, precision, labels, level, n)
    theta, log_nu, covariance = _fit(won, both, graph.components, precision)
    games, method = won.sum(axis=0) + won.sum(axis=1) + both.sum(axis=1), "Davidson, ties as an outcome"
    half = float(special.ndtri(1 - level / 2)) * math.sqrt(covariance[q, q])
    tie = Estimate(
        estimate=math.exp(log_nu),
        ci_low=math.exp(log_nu - half),
        ci_high=math.exp(log_nu + half),
        alpha=level,
        n=n,
        method="tie parameter of Davidson's model",
    )
    return Davidson(
        models=strengths(theta, covariance[:q, :q], graph.components, labels, games, level, method),
        covariance=tuple(tuple(float(value) for value in row) for row in covariance[:q, :q]),
        components=tuple(int(component) for component in graph.components),
        alpha=level,
        n=n,
        method=method,
        warnings=graph.warnings,
        tie=tie,
    )


def _without_ties(won: Floats, both: Floats, prior: float, names: tuple[str, ...], alpha: float, n: int) -> Davidson:
    base = bradley_terry(won + both / 2, prior=prior, names=names, alpha=alpha)
    nothing = won.sum() == 0
    reason = "Every comparison is a tie." if nothing else "There is no tie: the model is Bradley-Terry's."
    tie = Estimate(
        estimate=None if nothing else 0.0,
        ci_low=None if nothing else 0.0,
        alpha=alpha,
        n=n,
        method="tie parameter of Davidson's model",
        warnings=(reason,),
    )
    return Davidson(
        models=base.models,
        covariance=base.covariance,
        components=base.components,
        alpha=alpha,
        n=n,
        method=base.method,
        warnings=(*base.warnings, reason),
        tie=tie,
    )


def _fit(won: Floats, both: Floats, components: Ints, prior: float) -> tuple[Floats, float, Floats]:
    q = won.shape[0]
    upper = np.triu(np.ones((q, q)), 1)
    played, lead, tied = (won + won.T + both) * upper, (won - won.T) * upper, float((both * upper).sum())
    same = components[:, None] == components[None, :]
    pin = same / same.sum(axis=1, keepdims=True)
    beta = np.append(np.zeros(q), math.log(2 * tied / max(float(won.sum()), 0.5)))
    for _ in range(100):
        gradient, hessian = _derivatives(played, lead, tied, beta, prior)
        hessian[:q, :q] += pin
        step = np.linalg.solve(hessian, gradient)
        largest = float(np.abs(step).max())
        beta = beta + step * min(1.0, 1.0 / max(largest, 1e-300))
        if largest < 1e-11:
            break
    centre = np.eye(q + 1)
    centre[:q, :q] -= pin
    bread = centre @ np.linalg.inv(hessian)
    means = np.bincount(components, weights=beta[:q]) / np.bincount(components)
    return beta[:q] - means[components], float(beta[q]), np.asarray(bread @ centre.T)


def _derivatives(played: Floats, lead: Floats, tied: float, beta: Floats, prior: float) -> tuple[Floats, Floats]:
    """Of the log likelihood sum(lead d / 2) + tied log nu - sum(played log(2 cosh(d/2) + nu)), minus the prior."""
    q = played.shape[0]
    half = (beta[:q, None] - beta[None, :q]) / 2
    nu = math.exp(beta[q])
    norm = 2 * np.cosh(half) + nu
    slope, tie = np.sinh(half) / norm, nu / norm
    push = lead / 2 - played * slope
    curve = played * (np.cosh(half) / 2 / norm - slope**2)
    cross = -played * slope * tie
    gradient = np.append(push.sum(axis=1) - push.sum(axis=0), tied - float((played * tie).sum()))
    gradient[:q] -= prior * beta[:q]
    hessian = np.zeros((q + 1, q + 1))
    hessian[:q, :q] = np.diag(curve.sum(axis=1) + curve.sum(axis=0)) - curve - curve.T + prior * np.eye(q)
    hessian[q, :q] = hessian[:q, q] = cross.sum(axis=1) - cross.sum(axis=0)
    hessian[q, q] = float((played * tie * (1 - tie)).sum())
    return gradient, hessian
