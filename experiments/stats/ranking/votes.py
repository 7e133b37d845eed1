"""Votes as integer codes, and the counts they add up to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from experiments.stats import checks
from experiments.stats.checks import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Votes:
    """One entry per vote, or per group of equal votes with its `weight`.

    first, second: model codes 0 .. q-1; score: 1 first won, .5 tie, 0 first lost; cluster: what votes share (a task).
    """

    first: ArrayLike
    second: ArrayLike
    score: ArrayLike
    cluster: ArrayLike
    weight: ArrayLike | None = None


@dataclass(frozen=True)
class VoteArrays:
    first: Ints
    second: Ints
    score: Floats
    cluster: Ints
    weight: Floats


def vote_counts(first: ArrayLike, second: ArrayLike, score: ArrayLike, models: int) -> Floats:
    """models x models matrix of wins of row over column, a tie half a win for each."""
    a, b = model_codes("first", first, models), model_codes("second", second, models)
    points = checks.values("score", score)
    if not a.size == b.size == points.size:
        raise ValueError(f"first, second and score differ in length: {a.size}, {b.size}, {points.size}")
    if points.min() < 0 or points.max() > 1:
        raise ValueError("score must lie in [0, 1]")
    cells = a * models + b
    total = np.bincount(cells, minlength=models * models).reshape(models, models)
    won = np.bincount(cells, weights=points, minlength=models * models).reshape(models, models)
    return np.asarray(won + (total - won).T)


def model_codes(name: str, array: ArrayLike, models: int) -> Ints:
    codes = np.asarray(array)
    if codes.ndim != 1 or codes.size == 0 or not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"{name} must be a non-empty array of integer codes")
    if int(codes.min()) < 0 or int(codes.max()) >= models:
        raise ValueError(f"{name} must hold codes of 0 .. {models - 1}")
    return codes.astype(np.int64, copy=False)


def vote_arrays(votes: Votes, models: int) -> VoteArrays:
    first, second = (
        model_codes("clusters.first", votes.first, models),
        model_codes("clusters.second", votes.second, models),
    )
    score = checks.values("clusters.score", votes.score)
    if not first.size == second.size == score.size:
        raise ValueError("clusters: first, second and score differ in length")
    weight = np.ones(score.size) if votes.weight is None else checks.values("clusters.weight", votes.weight)
    if weight.size != score.size or (weight < 0).any():
        raise ValueError("clusters.weight must hold one number of at least 0 per vote")
    return VoteArrays(first, second, score, checks.codes("clusters.cluster", votes.cluster, length=score.size), weight)
