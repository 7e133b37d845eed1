"""The sequence that may end a campaign early: the mean score of its complete pairs, in the order of completion."""

import numpy as np
from numpy.typing import NDArray

from experiments.reports.human.votes import Votes
from experiments.stats.betting import bounded_mean_confidence_sequence
from experiments.stats.result import Estimate

ASSUMPTION = (
    "Valid whenever it is looked at, for these reviewers on other pairs like these: each pair counts once, with the "
    "mean of its judgments, so that judgments of one pair may depend on each other as they like."
)


def sequence(votes: Votes, *, per_pair: int) -> Estimate:
    """votes: without gold. The win rate of the candidate, ties and both bad as half, with an interval for any time."""
    return bounded_mean_confidence_sequence(complete_pairs(votes, per_pair=per_pair))


def complete_pairs(votes: Votes, *, per_pair: int) -> NDArray[np.float64]:
    """Mean score of each pair that has all its judgments, the first completed first.

    An incomplete pair waits: its mean would still move, and a value once bet on must not.
    """
    n_pairs = votes.pairs.task_id.size
    count = np.bincount(votes.task, minlength=n_pairs)
    total = np.bincount(votes.task, weights=votes.scores, minlength=n_pairs)
    completed = np.zeros(n_pairs, dtype=np.int64)
    np.maximum.at(completed, votes.task, votes.judged_at)
    complete = np.flatnonzero(count >= per_pair) if per_pair else np.zeros(0, dtype=np.int64)
    order = complete[np.argsort(completed[complete], kind="stable")]
    return np.asarray(total[order] / count[order])
