"""What human review says: integer-coded votes in, one frozen report out. No database here."""

from dataclasses import dataclass

from experiments.reports.human import activity, direction, stopping, tallies
from experiments.reports.human.agreement import AgreementReport, agreement
from experiments.reports.human.gold import GoldReport, GoldRule, gold_report
from experiments.reports.human.repeats import repeated_cases
from experiments.reports.human.votes import BASELINE, CANDIDATE, TIE, Ints, Votes
from experiments.stats.result import Estimate


@dataclass(frozen=True)
class CriterionReport:
    key: str
    label: str
    n: int
    agreement: AgreementReport
    direction: dict[str, object] | None


@dataclass(frozen=True)
class HumanReport:
    """`direction` is None while it is hidden: then it has not been computed at all.

    `votes` are those that tell about the models; those on gold pairs count in `gold` and as work done.
    """

    votes: Votes
    everything: Votes
    direction: direction.Direction | None
    position_bias: Estimate
    sides: dict[str, int]
    agreement: AgreementReport
    criteria: tuple[CriterionReport, ...]
    reviewers: tuple[activity.ReviewerActivity, ...]
    timeline: dict[str, object]
    identical: int
    gold: GoldReport | None = None
    sequential: Estimate | None = None

    @property
    def case(self) -> Ints:
        """Of each vote the place of the first pair with its case."""
        return self.votes.pairs.first_of_case[self.votes.task]

    def to_dict(self, *, most_kappas: int | None = None) -> dict[str, object]:
        names, case = self.votes.reviewers, self.case
        found: dict[str, object] = {
            "n": self.votes.n,
            "n_pairs": tallies.judged_pairs(case),
            "n_reviewers": len(names),
            "identical": self.identical,
            "gold": self.gold.to_dict() if self.gold else None,
            "direction_hidden": self.direction is None,
        }
        if repeated := repeated_cases(self.votes.task, case):
            found["repeated_cases"] = repeated
        if self.direction is not None:
            found |= self.direction.to_dict()
            found["sequential"] = self.sequential.to_dict() if self.sequential else None
        return found | {
            "position_bias": self.position_bias.to_dict(),
            "sides": self.sides,
            "agreement": self.agreement.to_dict(names, most=most_kappas),
            "criteria": [
                {
                    "key": one.key,
                    "label": one.label,
                    "n": one.n,
                    "agreement": one.agreement.to_dict(names, most=most_kappas),
                    **({"direction": one.direction} if one.direction else {}),
                }
                for one in self.criteria
            ],
            "reviewers": [reviewer.to_dict() for reviewer in self.reviewers],
            "votes_per_hour": self.timeline,
        }


def human_report(
    votes: Votes,
    *,
    reveal: bool,
    labels: dict[str, str],
    identical: int = 0,
    per_pair: int = 0,
    gold: GoldRule | None = None,
    sequential: bool = False,
    several: bool = False,
) -> HumanReport:
    """labels: criterion key -> label, in the order asked. per_pair: reviewers asked for each pair.

    sequential: may have stopped early, so only a campaign's own confidence sequence holds its promise; of `several`
    campaigns taken together there is none.
    """
    everything, votes = votes, votes.where(~votes.on_gold)
    case = votes.pairs.first_of_case[votes.task]
    agreed = agreement(
        votes.task,
        votes.reviewer,
        votes.outcome,
        n_pairs=votes.pairs.task_id.size,
        n_reviewers=len(votes.reviewers),
        answers=votes.answers,
        case=case,
    )
    return HumanReport(
        votes=votes,
        everything=everything,
        direction=direction.direction(votes, identical=identical, per_pair=per_pair, may_stop_early=sequential)
        if reveal
        else None,
        position_bias=direction.position_bias(votes),
        sides=sides(votes),
        agreement=agreed,
        criteria=tuple(criterion(votes, key, label, case, reveal=reveal) for key, label in labels.items()),
        reviewers=activity.reviewers(everything, agreed),
        timeline=activity.timeline(everything),
        identical=tallies.judged_pairs(votes.pairs.first_of_case[votes.pairs.identical]),
        gold=gold_report(everything, rule=gold) if gold else None,
        sequential=stopping.sequence(votes, per_pair=per_pair) if sequential and reveal and not several else None,
    )


def criterion(votes: Votes, key: str, label: str, case: Ints, *, reveal: bool) -> CriterionReport:
    answers = votes.criteria[key]
    return CriterionReport(
        key=key,
        label=label,
        n=int((answers >= 0).sum()),
        agreement=agreement(
            votes.task,
            votes.reviewer,
            answers,
            n_pairs=votes.pairs.task_id.size,
            n_reviewers=len(votes.reviewers),
            answers=(BASELINE, CANDIDATE, TIE),
            case=case,
        ),
        direction=direction.criterion_direction(votes, answers) if reveal else None,
    )


def sides(votes: Votes) -> dict[str, int]:
    """What was chosen as seen, which tells nothing about the arms."""
    left, known = tallies.decided_wins(votes)
    counts = tallies.by_outcome(votes.outcome)
    decided = counts["baseline"] + counts["candidate"]
    return {
        "left": left,
        "right": known - left,
        "side_unknown": decided - known,
        "tie": counts["tie"],
        "both_bad": counts["both_bad"],
    }
