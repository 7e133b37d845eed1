"""Parts of the judging page that are the same for every pair of a campaign, made once per process."""

from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from annotations.forms import CRITERION_PREFIX
from annotations.models import Judgment, Seat
from annotations.services import judgments

CAMPAIGNS_KEPT = 256

# Answers to a criterion, in the order of the screen: value, sign, words.
SIDES = (("a", "A", "A is better"), ("tie", "=", "no difference"), ("b", "B", "B is better"))
KEYS = {Judgment.Choice.A: "A", Judgment.Choice.TIE: "E", Judgment.Choice.BOTH_BAD: "N", Judgment.Choice.B: "B"}

Question = tuple[str, str, bool]


@lru_cache(maxsize=CAMPAIGNS_KEPT)
def addresses(campaign: UUID) -> Mapping[str, str]:
    """Where the links of a campaign's pages lead."""
    names = {
        "judge": "judge",
        "submit": "submit_judgment",
        "skip": "skip_pair",
        "flag": "flag_pair",
        "heartbeat": "heartbeat",
        "guidelines": "read_guidelines",
        "recent": "recent_pairs",
        "back": "back",
    }
    links = {short: reverse(name, args=[campaign]) for short, name in names.items()}
    return {**links, "review": reverse("review")}


def criteria(seat: Seat, answers: Mapping[str, str]) -> SafeString:
    questions = tuple((row["key"], row["label"], row["required"]) for row in seat.asked)
    return answered_criteria(questions, answers) if answers else blank_criteria(questions)


@lru_cache(maxsize=CAMPAIGNS_KEPT)
def blank_criteria(questions: tuple[Question, ...]) -> SafeString:
    return answered_criteria(questions, {})


def answered_criteria(questions: tuple[Question, ...], answers: Mapping[str, str]) -> SafeString:
    rows = [
        {"name": CRITERION_PREFIX + key, "label": label, "required": required, "answer": answers.get(key)}
        for key, label, required in questions
    ]
    return render_to_string("annotations/_criteria.html", {"rows": rows, "sides": SIDES})


def verdicts(seat: Seat, chosen: str) -> SafeString:
    return verdict_buttons(tuple(choice.value for choice in judgments.choices_of(seat)), chosen)


@lru_cache(maxsize=len(KEYS) * CAMPAIGNS_KEPT)
def verdict_buttons(offered: tuple[str, ...], chosen: str) -> SafeString:
    """A on the left, B on the right, what is between them between."""
    rows = [
        {"value": choice.value, "words": choice.label, "key": key, "chosen": choice.value == chosen}
        for choice, key in KEYS.items()
        if choice.value in offered
    ]
    return render_to_string("annotations/_verdicts.html", {"rows": rows})
