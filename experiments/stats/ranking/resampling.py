"""Bradley-Terry over bootstrap resamples of the votes, drawn as counts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from experiments.stats import checks
from experiments.stats.checks import Floats, Ints
from experiments.stats.ranking import newton
from experiments.stats.ranking.bradley_terry import WEAK_PRIOR
from experiments.stats.ranking.graph import comparison_graph
from experiments.stats.ranking.result import ELO_CENTRE, ELO_PER_UNIT, ModelStrength, Ranking, model_names

CELLS_AT_ONCE = 4_000_000


def bradley_terry_bootstrap(
    counts: ArrayLike,
    *,
    rounds: int,
    seed: int,
    ties: ArrayLike | None = None,
    prior: float = WEAK_PRIOR,
    names: Sequence[str] | None = None,
    alpha: float = 0.05,
) -> Ranking:
    """Strengths with percentile intervals and ranks over `rounds` resamples of independent votes.

    counts: q x q wins of row over column; ties: q x q, ties between row and column in either triangle (or already in
    counts as halves). A resample of the votes is one multinomial draw over the cells, so the votes are never touched,
    and all resamples are fitted together. Votes that share tasks need `bradley_terry(clusters=...)` instead.
    """
    won = checks.matrix("counts", counts, square=True)
    level = checks.open_unit("alpha", alpha)
    checks.positive_count("rounds", rounds)
    checks.positive("prior", prior)
    q = won.shape[0]
    tied = np.zeros_like(won) if ties is None else checks.matrix("ties", ties, square=True)
    if tied.shape != won.shape:
        raise ValueError(f"ties has shape {tied.shape}, expected {won.shape}")
    if won.sum() + tied.sum() == 0:
        raise ValueError("counts must hold at least one comparison")
    labels = model_names(names, q)
    full = won + (tied + tied.T) / 2
    graph = comparison_graph(full, labels)
    theta = newton.fit(full, full, graph.components, prior, with_position=False).theta
    draws = _resampled_strengths(won, tied, theta, prior, rounds, np.random.default_rng(seed))
    games, method = full.sum(axis=0) + full.sum(axis=1), f"Bradley-Terry, {rounds} bootstrap resamples of votes"
    models = _strengths(theta, draws, graph.components, labels, games, level, method)
    notes = graph.warnings + (() if rounds >= 100 else (f"{rounds} resamples are few for 95% limits.",))
    spread = np.cov(draws, rowvar=False) if rounds > 1 else np.zeros((0, 0))
    return Ranking(
        models=models,
        covariance=tuple(tuple(float(value) for value in row) for row in spread),
        components=tuple(int(component) for component in graph.components),
        alpha=level,
        n=round(float(won.sum() + tied.sum())),
        method=method,
        warnings=notes,
    )


def _strengths(
    theta: Floats,
    draws: Floats,
    components: Ints,
    names: tuple[str, ...],
    games: Floats,
    alpha: float,
    method: str,
) -> tuple[ModelStrength, ...]:
    tails = [alpha / 2, 1 - alpha / 2]
    low, high = np.quantile(draws, tails, axis=0)
    low, high = np.minimum(low, theta), np.maximum(high, theta)
    best, worst = np.quantile(_ranks(draws, components), tails, axis=0, method="inverted_cdf")
    now = _ranks(theta[None, :], components)[0]
    spread = draws.std(axis=0, ddof=1) if draws.shape[0] > 1 else np.full(theta.size, np.nan)
    return tuple(
        ModelStrength(
            estimate=theta[i],
            ci_low=low[i],
            ci_high=high[i],
            alpha=alpha,
            n=round(float(games[i])),
            method=method,
            name=names[i],
            component=int(components[i]),
            se=spread[i],
            elo=ELO_CENTRE + ELO_PER_UNIT * theta[i],
            elo_low=ELO_CENTRE + ELO_PER_UNIT * low[i],
            elo_high=ELO_CENTRE + ELO_PER_UNIT * high[i],
            rank=int(now[i]),
            rank_low=min(int(best[i]), int(now[i])),
            rank_high=max(int(worst[i]), int(now[i])),
        )
        for i in range(theta.size)
    )


def _resampled_strengths(
    won: Floats, tied: Floats, start: Floats, prior: float, rounds: int, rng: np.random.Generator
) -> Floats:
    q = won.shape[0]
    cells = np.concatenate([won.ravel(), tied.ravel()])
    total, used = float(cells.sum()), cells > 0
    chances = cells[used] / total
    fits = np.empty((rounds, q))
    block = max(1, CELLS_AT_ONCE // (q * q))
    for begin in range(0, rounds, block):
        size = min(block, rounds - begin)
        drawn = np.zeros((size, cells.size))
        drawn[:, used] = rng.multinomial(round(total), chances, size=size)
        drawn = drawn.reshape(size, 2, q, q)
        half = drawn[:, 1] / 2
        fits[begin : begin + size] = newton.fit_batch(drawn[:, 0] + half + half.transpose(0, 2, 1), start, prior)
    return fits


def _ranks(strengths: Floats, components: Ints) -> Ints:
    """Rank of each model within its component, in every row."""
    ranks = np.empty(strengths.shape, dtype=np.int64)
    for component in range(int(components.max()) + 1):
        members = np.flatnonzero(components == component)
        order = np.argsort(-strengths[:, members], axis=1, kind="stable")
        places = np.broadcast_to(np.arange(1, members.size + 1), order.shape)
        own = np.empty_like(order)
        np.put_along_axis(own, order, places, axis=1)
        ranks[:, members] = own
    return ranks
