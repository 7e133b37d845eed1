"""Which of the two is preferred, by how much, and whether side or length decided instead."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from experiments.reports.human import tallies
from experiments.reports.human.votes import CANDIDATE, Votes
from experiments.stats import multiplicity, paired, preference
from experiments.stats.preference import LengthBias, WinRate
from experiments.stats.result import Estimate, TestResult

STOPPING_EARLY = (
    "This review could stop as soon as a difference was clear, which this interval does not allow for: "
    "read the confidence sequence beside it."
)


@dataclass(frozen=True)
class CategoryResult:
    name: str
    n_pairs: int
    outcomes: dict[str, int]
    win_rate: WinRate
    p_adjusted: float | None

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "n_pairs": self.n_pairs,
            "outcomes": self.outcomes,
            "win_rate": self.win_rate.to_dict(),
            "p_adjusted": self.p_adjusted,
        }


@dataclass(frozen=True)
class Direction:
    outcomes: dict[str, int]
    majority: dict[str, int]
    win_rate: WinRate
    win_rate_decisive: WinRate
    win_rate_with_identical: WinRate | None
    sign_test: TestResult
    length_bias: LengthBias
    categories: tuple[CategoryResult, ...]

    @property
    def win_rate_at_equal_length(self) -> Estimate:
        bias = self.length_bias
        reason = "There is too little difference in length, or in answers, to say."
        return Estimate(
            estimate=bias.at_equal_length,
            ci_low=bias.at_equal_length_low,
            ci_high=bias.at_equal_length_high,
            p_value=None,
            alpha=bias.alpha,
            n=self.win_rate.n,
            method="win rate at equal length, fractional logit on the difference in length, clustered by task",
            warnings=() if bias.at_equal_length is not None else (reason,),
        )

    def to_dict(self) -> dict[str, object]:
        identical = self.win_rate_with_identical
        return {
            "outcomes": self.outcomes,
            "majority": self.majority,
            "win_rate": self.win_rate.to_dict(),
            "win_rate_decisive": self.win_rate_decisive.to_dict(),
            "win_rate_with_identical": identical.to_dict() if identical else None,
            "sign_test": self.sign_test.to_dict(),
            "length_bias": self.length_bias.to_dict(),
            "win_rate_at_equal_length": self.win_rate_at_equal_length.to_dict(),
            "categories": [category.to_dict() for category in self.categories],
        }


def direction(votes: Votes, *, identical: int = 0, per_pair: int = 0, may_stop_early: bool = False) -> Direction:
    """identical: pairs tied without anybody's time, each counting as `per_pair` ties in the second win rate."""
    majority = tallies.majorities(votes)
    win_rate = clustered(votes, np.ones(votes.n, dtype=bool))
    if may_stop_early:
        win_rate = replace(win_rate, warnings=(*win_rate.warnings, STOPPING_EARLY))
    return Direction(
        outcomes=tallies.by_outcome(votes.outcome),
        majority=majority,
        win_rate=win_rate,
        win_rate_decisive=decisive(votes),
        win_rate_with_identical=with_ties(win_rate, identical * per_pair) if identical else None,
        sign_test=paired.sign_test(majority["candidate"], majority["baseline"]),
        length_bias=length_bias(votes),
        categories=categories(votes),
    )


def clustered(votes: Votes, chosen: NDArray[np.bool_]) -> WinRate:
    """Votes on one case go together, in whichever campaign, and so do those of one reviewer."""
    if not chosen.any():
        return preference.win_rate(0, 0, 0)
    return preference.win_rate_clustered(votes.scores[chosen], votes.case[chosen], votes.reviewer[chosen])


def decisive(votes: Votes) -> WinRate:
    rate = clustered(votes, votes.decided)
    return replace(rate, method=rate.method.replace("win rate", "win rate of decided votes"))


def with_ties(rate: WinRate, ties: int) -> WinRate:
    """Known ties pull the rate towards one half by a fixed factor, and its interval with it."""
    if rate.estimate is None:
        return rate
    factor = rate.n / (rate.n + ties)

    def pull(value: float | None) -> float | None:
        return None if value is None else 0.5 + factor * (value - 0.5)

    return replace(
        rate,
        estimate=pull(rate.estimate),
        ci_low=pull(rate.ci_low),
        ci_high=pull(rate.ci_high),
        same_reviewers_low=pull(rate.same_reviewers_low),
        same_reviewers_high=pull(rate.same_reviewers_high),
        n=rate.n + ties,
        se=rate.se and rate.se * factor,
        se_naive=rate.se_naive and rate.se_naive * factor,
        method=f"{rate.method}; identical pairs counted as {ties} ties",
    )


def length_bias(votes: Votes) -> LengthBias:
    if votes.n == 0:
        reason = "There are no votes yet."
        return LengthBias(
            estimate=None,
            ci_low=None,
            ci_high=None,
            p_value=None,
            alpha=0.05,
            n=0,
            method="share won by the longer response",
            warnings=(reason,),
        )
    gaps = votes.pairs.length_difference[votes.task].astype(np.float64)
    return preference.length_bias(votes.scores, gaps, items=votes.case)


def categories(votes: Votes) -> tuple[CategoryResult, ...]:
    """A result for each category, p-values adjusted by Benjamini-Hochberg since looking at many is exploring."""
    if len(votes.pairs.categories) < 2:
        return ()
    of_vote, case = votes.pairs.category[votes.task], votes.pairs.first_of_case[votes.task]
    rates = [clustered(votes, of_vote == place) for place in range(len(votes.pairs.categories))]
    adjusted = multiplicity.adjust_p_values([rate.p_value for rate in rates], method="bh")
    return tuple(
        CategoryResult(
            name=name,
            n_pairs=tallies.judged_pairs(case[of_vote == place]),
            outcomes=tallies.by_outcome(votes.outcome[of_vote == place]),
            win_rate=rates[place],
            p_adjusted=adjusted[place],
        )
        for place, name in enumerate(votes.pairs.categories)
    )


def position_bias(votes: Votes) -> Estimate:
    """Read from sides, so it tells nothing about the direction and may be watched at any time."""
    left, known = tallies.decided_wins(votes)
    if known == 0 and bool(votes.decided.any()):
        reason = "The judgments do not say which response stood on the left."
        return TestResult(
            estimate=None,
            ci_low=None,
            ci_high=None,
            p_value=None,
            alpha=0.05,
            n=0,
            method="share won by the response shown first, exact binomial test",
            warnings=(reason,),
        )
    return preference.position_bias_test(left, known)


def criterion_direction(votes: Votes, answers: NDArray[np.int8]) -> dict[str, object]:
    """The candidate's win rate on one criterion."""
    given = answers >= 0
    if not given.any():
        return {"outcomes": tallies.by_outcome(answers), "win_rate": preference.win_rate(0, 0, 0).to_dict()}
    scores = np.where(answers == CANDIDATE, 1.0, np.where(answers == 0, 0.0, 0.5))
    rate = preference.win_rate_clustered(scores[given], votes.case[given], votes.reviewer[given])
    return {"outcomes": tallies.by_outcome(answers), "win_rate": rate.to_dict()}
