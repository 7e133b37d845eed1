"""Saying which pairs have a known answer. What an open campaign measures with was fixed when it opened."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import BlindedPair, GoldAnswer

Answer = GoldAnswer.Answer
# What a lead says who may not see yet which response is whose.
RESPONSES = {"response_1": 1, "response_2": 2}
NOT_KNOWN = "none"
SHARED = (Answer.TIE.value, Answer.BOTH_BAD.value, Answer.WITHDRAWN.value)


class CannotMark(Exception):
    """Says why this pair can have no such answer."""


@transaction.atomic
def mark(*, pair: BlindedPair, answer: str, reason: str, by: User, request: UUID, now: datetime) -> GoldAnswer:
    """For the campaigns that open from now on. The same request again makes nothing new."""
    if known := GoldAnswer.objects.filter(request=request).first():
        if (known.case_id, known.answer, known.reason) != (
            pair.case_id,
            by_arm(pair=pair, answer=answer),
            reason.strip(),
        ):
            raise CannotMark("This form was sent before with other content. The first one is kept; reload the page.")
        return known
    if pair.identical:
        raise CannotMark("Both responses are the same and nobody is shown them, so they can measure nobody.")
    if not reason.strip():
        raise CannotMark("Say how the answer is known: the reason is kept with it.")
    row = GoldAnswer.objects.create(
        request=request,
        experiment_id=pair.experiment_id,
        case_id=pair.case_id,
        answer=by_arm(pair=pair, answer=answer),
        source=GoldAnswer.Source.LEAD,
        reason=reason.strip(),
        created_by=by,
        created_at=now,
    )
    audit.record(
        actor=by,
        action="pair.gold_marked" if row.answer else "pair.gold_withdrawn",
        subject=f"case {pair.case_id} of experiment {pair.experiment_id}",
        details={"answer": row.answer, "reason": row.reason},
        now=now,
    )
    return row


def by_arm(*, pair: BlindedPair, answer: str) -> str:
    if answer in RESPONSES:
        return "candidate" if RESPONSES[answer] == pair.candidate_option else "baseline"
    if answer == NOT_KNOWN:
        return Answer.WITHDRAWN.value
    if answer in (*SHARED, Answer.CANDIDATE.value, Answer.BASELINE.value):
        return answer
    raise CannotMark("Choose one of the answers offered.")


def in_words(*, pair: BlindedPair, answer: str, told: bool) -> str:
    """A known answer; while the direction is hidden, in words that do not tell which response is whose."""
    if answer in SHARED:
        return {"tie": "a tie", "both_bad": "both bad"}.get(answer, "")
    if told:
        return f"the {answer} is better"
    return f"response {pair.candidate_option if answer == 'candidate' else 3 - pair.candidate_option} is better"
