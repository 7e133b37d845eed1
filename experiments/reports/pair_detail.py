"""One pair with everything said about it, by arm; while the direction is hidden, without what was said."""

from collections.abc import Sequence
from dataclasses import dataclass

from annotations.models import Assignment, Criterion, Flag, Judgment
from experiments.models import BlindedPair, JudgmentImport


@dataclass(frozen=True)
class Answer:
    """One reviewer's judgment; `verdict` and `criteria` name arms, `left_arm` is empty where it was not recorded."""

    assignment: Assignment
    judgment: Judgment
    verdict: str
    left_arm: str
    criteria: list[tuple[str, str]]

    @property
    def seconds(self) -> float:
        return self.judgment.active_ms / 1000


@dataclass(frozen=True)
class PairDetail:
    pair: BlindedPair
    answers: list[Answer]
    open: int
    skips: Sequence[Assignment]
    flags: Sequence[Flag]


def pair_detail(pair: BlindedPair) -> PairDetail:
    labels = dict(Criterion.objects.filter(campaign=pair.campaign_id).order_by("position").values_list("key", "label"))
    turns = list(
        Assignment.objects.filter(task=pair.pk)
        .select_related("reviewer", "current_judgment__guidelines")
        .order_by("finished_at", "pk")
    )
    sides_known = not JudgmentImport.objects.filter(campaign=pair.campaign_id, sides_known=False).exists()
    judged = [turn for turn in turns if turn.state == Assignment.State.JUDGED]
    return PairDetail(
        pair=pair,
        answers=[
            answer(turn, turn.current_judgment, pair, labels, sides_known=sides_known)
            for turn in judged
            if turn.current_judgment
        ],
        open=sum(1 for turn in turns if turn.state == Assignment.State.OPEN),
        skips=[turn for turn in turns if turn.state == Assignment.State.SKIPPED],
        flags=list(
            Flag.objects.filter(assignment__task=pair.pk).select_related("assignment__reviewer").order_by("created_at")
        ),
    )


def answer(
    turn: Assignment, judgment: Judgment, pair: BlindedPair, labels: dict[str, str], *, sides_known: bool
) -> Answer:
    left = "candidate" if turn.first_option == pair.candidate_option else "baseline"
    right = "baseline" if left == "candidate" else "candidate"
    arms = {"a": left, "b": right}
    return Answer(
        assignment=turn,
        judgment=judgment,
        verdict=arms.get(judgment.choice, judgment.choice),
        left_arm=left if sides_known else "",
        criteria=[
            (label, arms.get(judgment.criteria[key], judgment.criteria[key]))
            for key, label in labels.items()
            if key in judgment.criteria
        ],
    )
