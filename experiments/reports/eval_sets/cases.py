"""Cases of a set: a page of them, and one with its neighbours."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.db.models.functions import Left, Length

from experiments.importers.eval_sets.mapping import CHECKS
from experiments.models import EvalCase, EvalSet

PAGE_LENGTH = 50
LETTERS = 300
TITLES = {
    "accepted": "Right too",
    "schema": "The answer must fit this JSON Schema",
    "tools": "Tools that are offered",
    "expected_tool_calls": "Tool calls that are expected",
    "must_not_match": "Patterns that must not match",
    "must_not_call": "Tools that must not be called",
    "response_format": "Response format",
}


def page_of_cases(
    eval_set: EvalSet, *, search: str = "", category: str | None = None, page: str | None = None
) -> Page[Any]:
    """In the order of the file. `category` "" asks for cases without one. Long texts are cut by the database."""
    found = EvalCase.objects.filter(eval_set=eval_set)
    if category is not None:
        found = found.filter(category=category)
    if search:
        found = found.filter(
            Q(external_id__icontains=search) | Q(prompt__icontains=search) | Q(expected__icontains=search)
        )
    shown = found.order_by("position").values(
        "id",
        "external_id",
        "position",
        "category",
        "tags",
        "checks",
        shown_prompt=Left("prompt", LETTERS),
        shown_expected=Left("expected", LETTERS),
        prompt_length=Length("prompt"),
    )
    return Paginator(shown, PAGE_LENGTH).get_page(page)


@dataclass(frozen=True)
class Check:
    """`texts` where it is a list of nothing but texts."""

    name: str
    title: str
    text: str
    texts: list[str]


@dataclass(frozen=True)
class Turn:
    """`rest` is what a turn holds beside its text, such as tool calls."""

    role: str
    content: str
    rest: str


@dataclass(frozen=True)
class Parts:
    """What of a case is JSON, as text for a page."""

    turns: list[Turn]
    checks: list[Check]
    metadata: str


def parts_of(case: EvalCase) -> Parts:
    turns = []
    for turn in case.turns:
        rest = {name: value for name, value in turn.items() if name not in ("role", "content")}
        turns.append(Turn(turn.get("role", ""), turn.get("content", ""), as_text(rest)))
    checks = [check_of(name, case.checks[name]) for name in CHECKS if name in case.checks]
    return Parts(turns, checks, as_text(case.metadata))


def check_of(name: str, value: Any) -> Check:
    only_texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return Check(name, TITLES.get(name, name), as_text(value), value if only_texts else [])


def as_text(value: Any) -> str:
    """Empty where there is nothing."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode() if value else ""


def neighbours(case: EvalCase) -> tuple[EvalCase | None, EvalCase | None]:
    others = EvalCase.objects.filter(eval_set=case.eval_set_id).only("id", "external_id", "position", "eval_set_id")
    before = others.filter(position__lt=case.position).order_by("-position").first()
    after = others.filter(position__gt=case.position).order_by("position").first()
    return before, after
