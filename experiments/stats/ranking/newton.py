"""Penalised maximum likelihood of the Bradley-Terry model, one fit or a batch of them."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from experiments.stats.checks import Floats, Ints

LONGEST_STEP = 2.0


@dataclass(frozen=True)
class Fit:
    """`theta` centred within components; `hessian` of the penalised likelihood, of theta and then the position term."""

    theta: Floats
    position: float
    hessian: Floats
    converged: bool


def fit(won: Floats, played: Floats, components: Ints, prior: float, *, with_position: bool) -> Fit:
    """won[i, j] of played[i, j] comparisons with i listed first went to i; logit = theta_i - theta_j + position.

    Maximises the likelihood minus prior / 2 times the sum of squared parameters, by Newton with bounded steps.
    """
    q = won.shape[0]
    pin = _pin(components)
    beta, converged = np.zeros(q + 1), False
    for _ in range(100):
        gradient, hessian = _derivatives(won, played, beta, prior)
        hessian[:q, :q] += pin
        if not with_position:
            gradient[q], hessian[q, :], hessian[:, q], hessian[q, q] = 0, 0, 0, 1
        step = np.linalg.solve(hessian, gradient)
        largest = float(np.abs(step).max())
        beta = beta + step * min(1.0, LONGEST_STEP / max(largest, 1e-300))
        if largest < 1e-11:
            converged = True
            break
    size = q + 1 if with_position else q
    return Fit(beta[:q] - _component_means(beta[:q], components), float(beta[q]), hessian[:size, :size], converged)


def covariance(fitted: Fit, components: Ints, meat: Floats | None = None) -> Floats:
    """Inverse information, or the sandwich around `meat`, of strengths centred within their component."""
    q = fitted.theta.size
    inverse = np.linalg.inv(fitted.hessian)
    centre = np.eye(fitted.hessian.shape[0])
    centre[:q, :q] -= _pin(components)
    bread = centre @ inverse
    return np.asarray(bread @ centre.T if meat is None else bread @ meat @ bread.T)


def fit_batch(wins: Floats, start: Floats, prior: float) -> Floats:
    """Strengths of each wins[r] (row beat column), all Newton steps taken together; needs prior > 0."""
    theta = np.repeat(start[None, :], wins.shape[0], axis=0)
    q = theta.shape[1]
    played = wins + wins.transpose(0, 2, 1)
    won = wins.sum(axis=2)
    diagonal = np.arange(q)
    for _ in range(60):
        chance = special.expit(theta[:, :, None] - theta[:, None, :])
        expected = played * chance
        gradient = won - expected.sum(axis=2) - prior * theta
        hessian = -expected * (1 - chance)
        hessian[:, diagonal, diagonal] = prior - (hessian.sum(axis=2) - hessian[:, diagonal, diagonal])
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        largest = np.abs(step).max(axis=1, keepdims=True)
        theta = theta + step * np.minimum(1.0, LONGEST_STEP / np.maximum(largest, 1e-300))
        if largest.max() < 1e-8:
            break
    return np.asarray(theta - theta.mean(axis=1, keepdims=True))


def _derivatives(won: Floats, played: Floats, beta: Floats, prior: float) -> tuple[Floats, Floats]:
    q = won.shape[0]
    chance = special.expit(beta[:q, None] - beta[None, :q] + beta[q])
    surplus, weight = won - played * chance, played * chance * (1 - chance)
    gradient = np.append(surplus.sum(axis=1) - surplus.sum(axis=0), surplus.sum()) - prior * beta
    hessian = np.zeros((q + 1, q + 1))
    hessian[:q, :q] = np.diag(weight.sum(axis=1) + weight.sum(axis=0)) - weight - weight.T
    hessian[q, :q] = hessian[:q, q] = weight.sum(axis=1) - weight.sum(axis=0)
    hessian[q, q] = weight.sum()
    return gradient, hessian + prior * np.eye(q + 1)


def _pin(components: Ints) -> Floats:
    """Projection on the shifts that change no comparison: one per component. Makes the information invertible."""
    same = components[:, None] == components[None, :]
    return np.asarray(same / same.sum(axis=1, keepdims=True))


def _component_means(theta: Floats, components: Ints) -> Floats:
    means = np.bincount(components, weights=theta) / np.bincount(components)
    return np.asarray(means[components])
