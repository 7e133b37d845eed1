"""What a ranking holds, and how it is read off strengths and their covariance."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import special

from experiments.stats.checks import Floats, Ints
from experiments.stats.result import Estimate, TestResult

ELO_PER_UNIT = 400 / math.log(10)
ELO_CENTRE = 1000.0


@dataclass(frozen=True, kw_only=True)
class ModelStrength(Estimate):
    """`estimate` is the log strength, centred within the component; ranks count from 1 within the component."""

    name: str
    component: int
    se: float | None = None
    elo: float | None = None
    elo_low: float | None = None
    elo_high: float | None = None
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """`position` is the log odds that being shown first adds, where sides were given."""

    models: tuple[ModelStrength, ...]
    covariance: tuple[tuple[float, ...], ...]
    components: tuple[int, ...]
    position: TestResult | None = None
    alpha: float
    n: int
    method: str
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

    @property
    def strengths(self) -> tuple[float | None, ...]:
        return tuple(model.estimate for model in self.models)

    def win_probability(self, model: int, other: int) -> float | None:
        """Chance that one beats the other, in one component; None across components."""
        a, b = self.models[model], self.models[other]
        if a.estimate is None or b.estimate is None or a.component != b.component:
            return None
        return float(special.expit(a.estimate - b.estimate))


def model_names(names: Sequence[str] | None, models: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"model {index + 1}" for index in range(models))
    if len(names) != models:
        raise ValueError(f"names has {len(names)} entries for {models} models")
    return tuple(names)


def strengths(
    theta: Floats,
    covariance: Floats,
    components: Ints,
    names: tuple[str, ...],
    games: Floats,
    alpha: float,
    method: str,
) -> tuple[ModelStrength, ...]:
    """games: comparisons per model."""
    z = float(special.ndtri(1 - alpha / 2))
    se = np.sqrt(np.maximum(np.diag(covariance), 0))
    ranks = rank_intervals(theta, covariance, components, alpha)
    return tuple(
        ModelStrength(
            estimate=theta[i],
            ci_low=theta[i] - z * se[i],
            ci_high=theta[i] + z * se[i],
            alpha=alpha,
            n=round(float(games[i])),
            method=method,
            name=names[i],
            component=int(components[i]),
            se=se[i],
            elo=ELO_CENTRE + ELO_PER_UNIT * theta[i],
            elo_low=ELO_CENTRE + ELO_PER_UNIT * (theta[i] - z * se[i]),
            elo_high=ELO_CENTRE + ELO_PER_UNIT * (theta[i] + z * se[i]),
            rank=int(ranks[i, 0]),
            rank_low=int(ranks[i, 1]),
            rank_high=int(ranks[i, 2]),
        )
        for i in range(theta.size)
    )


def rank_intervals(theta: Floats, covariance: Floats, components: Ints, alpha: float) -> Ints:
    """Rank, best and worst rank of each model within its component.

    A model surely stands behind those that beat it in a two-sided test at alpha / (number of others), so each interval
    covers the true rank with 1 - alpha (Mogstad, Romano, Shaikh & Wilhelm 2024, REStud 91:476, with Bonferroni).
    """
    variance = np.diag(covariance)
    error = np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * covariance, 1e-300))
    same = components[:, None] == components[None, :]
    others = np.maximum(same.sum(axis=1) - 1, 1)
    critical = special.ndtri(1 - alpha / (2 * others))[:, None]
    lead = (theta[None, :] - theta[:, None]) / error
    np.fill_diagonal(lead, 0)
    ahead, behind = (same & (lead > critical)).sum(axis=1), (same & (lead < -critical)).sum(axis=1)
    rank = 1 + (same & (theta[None, :] > theta[:, None] + 1e-12)).sum(axis=1)
    return np.column_stack([rank, 1 + ahead, same.sum(axis=1) - behind]).astype(np.int64)


def unknown_strengths(
    components: Ints, names: tuple[str, ...], games: Floats, alpha: float, method: str, reason: str
) -> tuple[ModelStrength, ...]:
    return tuple(
        ModelStrength(
            alpha=alpha,
            n=round(float(games[i])),
            method=method,
            warnings=(reason,),
            name=name,
            component=int(components[i]),
        )
        for i, name in enumerate(names)
    )
