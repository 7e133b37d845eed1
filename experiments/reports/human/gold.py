"""How often reviewers are right where the answer is known. It tells about them, never about the models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.reports.human import tallies
from experiments.reports.human.repeats import repeated_cases, warned
from experiments.reports.human.votes import OUTCOMES, Votes
from experiments.stats.proportions import wilson_interval
from experiments.stats.result import Estimate

NOT_MEASURED, SHOWN_BELOW, BELOW, ABOVE, SHOWN_ABOVE = "not_measured", "shown_below", "below", "above", "shown_above"


@dataclass(frozen=True)
class GoldRule:
    """What was registered: how many of the pairs, and the least share that must be right."""

    share: float
    threshold: float


@dataclass(frozen=True)
class Accuracy:
    """`name` is a reviewer's, or a known answer."""

    name: str
    right: Estimate
    threshold: float

    @property
    def status(self) -> str:
        found, threshold = self.right, self.threshold
        if found.estimate is None or found.ci_low is None or found.ci_high is None:
            return NOT_MEASURED
        if found.estimate < threshold:
            return SHOWN_BELOW if found.ci_high < threshold else BELOW
        return SHOWN_ABOVE if found.ci_low >= threshold else ABOVE

    @property
    def is_below(self) -> bool:
        return self.status in (BELOW, SHOWN_BELOW)

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, "status": self.status, **self.right.to_dict()}


@dataclass(frozen=True)
class GoldReport:
    rule: GoldRule
    n_pairs: int
    n_judged_pairs: int
    overall: Accuracy
    reviewers: tuple[Accuracy, ...]
    by_answer: tuple[Accuracy, ...]

    @property
    def failed(self) -> bool:
        """Reviewers as a whole are below the registered threshold."""
        return self.overall.is_below

    @property
    def warnings(self) -> tuple[str, ...]:
        threshold = f"{self.rule.threshold:.0%}"
        found = []
        if self.overall.status == NOT_MEASURED:
            found.append("No gold pair has been judged yet, so nothing is known about the reviewers' care.")
        elif self.failed:
            found.append(f"Reviewers are below the registered {threshold} on the pairs whose answer is known.")
        found += [
            f"{one.name} is below the registered {threshold}"
            f"{'' if one.status == SHOWN_BELOW else ', though by less than chance may explain'}."
            for one in self.reviewers
            if one.is_below
        ]
        return tuple(found)

    def to_dict(self) -> dict[str, object]:
        return {
            "share": self.rule.share,
            "threshold": self.rule.threshold,
            "n_pairs": self.n_pairs,
            "n_judged_pairs": self.n_judged_pairs,
            "failed": self.failed,
            "accuracy": self.overall.to_dict(),
            "reviewers": [one.to_dict() for one in self.reviewers],
            "by_answer": [one.to_dict() for one in self.by_answer],
            "warnings": list(self.warnings),
        }


def gold_report(votes: Votes, *, rule: GoldRule) -> GoldReport:
    """votes: all of them; those on other pairs are left out here."""
    on_gold, first_of_case = votes.where(votes.on_gold), votes.pairs.first_of_case
    known, case = on_gold.pairs.gold[on_gold.task], first_of_case[on_gold.task]
    right = on_gold.outcome == known

    def accuracy(name: str, chosen: NDArray[np.bool_]) -> Accuracy:
        found = wilson_interval(int(right[chosen].sum()), int(chosen.sum()))
        repeats = repeated_cases(on_gold.task[chosen], case[chosen]) > 0
        return Accuracy(name, warned(found, repeats=repeats), rule.threshold)

    def by(place: NDArray[np.integer], names: tuple[str, ...]) -> tuple[Accuracy, ...]:
        found = (accuracy(name, place == number) for number, name in enumerate(names))
        return tuple(one for one in found if one.right.n)

    return GoldReport(
        rule=rule,
        n_pairs=tallies.judged_pairs(first_of_case[votes.pairs.gold >= 0]),
        n_judged_pairs=tallies.judged_pairs(case),
        overall=accuracy("all reviewers", np.ones(on_gold.n, dtype=bool)),
        reviewers=by(on_gold.reviewer, votes.reviewers),
        by_answer=by(known, OUTCOMES),
    )
