"""Counts of votes: by outcome, by majority of each case."""

import numpy as np
from numpy.typing import NDArray

from experiments.reports.human.votes import OUTCOMES, TIE, Ints, Small, Votes

NO_VOTES = -1


def by_outcome(outcome: Small) -> dict[str, int]:
    counts = np.bincount(outcome[outcome >= 0], minlength=len(OUTCOMES))
    return {name: int(count) for name, count in zip(OUTCOMES, counts, strict=True)}


def judged_pairs(task: Ints) -> int:
    """How many pairs have a vote; or how many cases, of votes by case."""
    return int(np.count_nonzero(np.bincount(task))) if task.size else 0


def per_pair(task: Ints, outcome: Small, n_pairs: int) -> NDArray[np.int64]:
    """pairs x outcomes; votes without an answer (negative) do not count."""
    given = outcome >= 0
    cells = task[given] * len(OUTCOMES) + outcome[given]
    return np.bincount(cells, minlength=n_pairs * len(OUTCOMES)).reshape(n_pairs, len(OUTCOMES))


def majority(counts: NDArray[np.int64]) -> Small:
    """The commonest answer of each pair; shared first places are a tie; a pair without votes is NO_VOTES."""
    top = counts.max(axis=1)
    leaders = counts == top[:, None]
    result = np.where(leaders.sum(axis=1) == 1, leaders.argmax(axis=1), TIE).astype(np.int8)
    result[top == 0] = NO_VOTES
    return result


def majorities(votes: Votes) -> dict[str, int]:
    """All votes on a case make one majority, in whichever campaigns it was judged."""
    case = votes.pairs.first_of_case[votes.task]
    return by_outcome(majority(per_pair(case, votes.outcome, votes.pairs.task_id.size)))


def decided_wins(votes: Votes) -> tuple[int, int]:
    """Decided votes won by the response on the left, and decided votes whose sides are known."""
    known = votes.decided & (votes.side >= 0)
    return int(votes.side[known].sum()), int(np.count_nonzero(known))
