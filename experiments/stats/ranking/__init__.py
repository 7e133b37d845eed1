"""Strength of many models from comparisons of two."""

from experiments.stats.ranking.bradley_terry import bradley_terry
from experiments.stats.ranking.davidson import Davidson, davidson
from experiments.stats.ranking.elo import elo
from experiments.stats.ranking.resampling import bradley_terry_bootstrap
from experiments.stats.ranking.result import ModelStrength, Ranking
from experiments.stats.ranking.votes import Votes, vote_counts

__all__ = [
    "Davidson",
    "ModelStrength",
    "Ranking",
    "Votes",
    "bradley_terry",
    "bradley_terry_bootstrap",
    "davidson",
    "elo",
    "vote_counts",
]
