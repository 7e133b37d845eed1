"""Judgments of a campaign as integer-coded arrays: one entry per counted judgment, by arm, never by side."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Small = NDArray[np.int8]

BASELINE, CANDIDATE, TIE, BOTH_BAD = range(4)
OUTCOMES = ("baseline", "candidate", "tie", "both_bad")
UNKNOWN = -1
NOT_GOLD = -1
LEFT, RIGHT = 1, 0


@dataclass(frozen=True)
class Pairs:
    """One entry per pair, also for those that nobody judged.

    `category` is a place in `categories`; `gold` the known outcome of a pair that measures reviewers, else NOT_GOLD.
    """

    task_id: Ints
    case_id: Ints
    category: Ints
    length_difference: Ints
    identical: NDArray[np.bool_]
    gold: Small
    categories: tuple[str, ...]

    @cached_property
    def first_of_case(self) -> Ints:
        """The place of the first pair with the same case: its own, but for cases judged in several campaigns."""
        _, first, case = np.unique(self.case_id, return_index=True, return_inverse=True)
        return np.asarray(first[case], dtype=np.int64)


@dataclass(frozen=True)
class Votes:
    """`task` is a place in `pairs`, `reviewer` one in `reviewers`. `side` tells the side the winner stood on."""

    pairs: Pairs
    reviewers: tuple[str, ...]
    task: Ints
    reviewer: Ints
    outcome: Small
    side: Small
    active_ms: Ints
    judged_at: Ints
    criteria: dict[str, Small] = field(default_factory=dict)
    answers: tuple[int, ...] = (BASELINE, CANDIDATE, TIE, BOTH_BAD)

    @property
    def n(self) -> int:
        return int(self.task.size)

    @property
    def on_gold(self) -> NDArray[np.bool_]:
        return np.asarray(self.pairs.gold[self.task] != NOT_GOLD)

    def where(self, chosen: NDArray[np.bool_]) -> "Votes":
        """The chosen votes; pairs and reviewers keep their places."""
        return replace(
            self,
            task=self.task[chosen],
            reviewer=self.reviewer[chosen],
            outcome=self.outcome[chosen],
            side=self.side[chosen],
            active_ms=self.active_ms[chosen],
            judged_at=self.judged_at[chosen],
            criteria={key: answers[chosen] for key, answers in self.criteria.items()},
        )

    @property
    def case(self) -> Ints:
        return self.pairs.case_id[self.task]

    @property
    def decided(self) -> NDArray[np.bool_]:
        return self.outcome <= CANDIDATE

    @property
    def scores(self) -> NDArray[np.float64]:
        """The candidate's score: a win 1, a tie or both bad half, a loss 0."""
        return SCORE_OF_OUTCOME[self.outcome]


SCORE_OF_OUTCOME = np.array([0.0, 1.0, 0.5, 0.5])
