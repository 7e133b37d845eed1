"""With the arms swapped and each coin turned round with them, a reviewer gets the same bytes."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import pytest
from django.db import transaction

from annotations.services.seats import SYSTEM_RANDOM
from experiments.models import BlindedPair
from tests.journeys.blinded_world import Names, make_world
from tests.journeys.reviewer_tour import Answer, DirectLine, tour
from tests.journeys.test_blinding_on_the_wire import annotation_tables

pytestmark = pytest.mark.django_db

NAMES = Names()
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TOKENS = [
    (re.compile(r'(csrfmiddlewaretoken" value="|"X-CSRFToken": ")[A-Za-z0-9]{64}'), r"\1csrf"),
    (re.compile(r"\b(csrftoken|sessionid)=[A-Za-z0-9]{32}"), r"\1=token"),
    (re.compile(r"(X-Request-ID: |Request )[0-9a-f]{16}"), r"\1id"),
    (re.compile(r"(expires=|Expires: )\w{3}, [^;\n]+"), r"\1date"),
    (re.compile(r"(messages=[^;\n]*):\w{6}:[\w-]{43};"), r"\1:signed;"),
    # Of the random name of the assignment, among others.
    (re.compile(r'"body_hash": "[0-9a-f]{64}"'), '"body_hash": "hash"'),
]


@dataclass
class Mask:
    """Random names become the number under which they were first seen, so that who is who stays comparable."""

    seen: dict[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        for pattern, instead in TOKENS:
            text = pattern.sub(instead, text)
        return UUID.sub(lambda match: self.seen.setdefault(match[0], f"uuid-{len(self.seen)}"), text)


@dataclass(frozen=True)
class Seen:
    answers: list[str]
    tables: str
    candidate_texts: list[str]


def ticking_clock() -> Callable[[], datetime]:
    """In the far future, so that every "3 minutes ago" is 0 minutes ago."""
    seconds = itertools.count()
    return lambda: datetime(2100, 1, 1, tzinfo=UTC) + timedelta(seconds=next(seconds))


def as_text(answer: Answer) -> str:
    return f"{answer.request}\n{answer.everything().decode()}"


@cache
def seen_in_a_world(*, swapped: bool, gold_share: float) -> Seen:
    """What the reviewer gets in a world that is undone afterwards; each world is toured once for all tests here."""
    mask = Mask()
    with transaction.atomic(), pytest.MonkeyPatch.context() as patched:
        world = make_world(names=NAMES, swapped=swapped, gold_share=gold_share)
        patched.setattr("django.utils.timezone.now", ticking_clock())
        patched.setattr(SYSTEM_RANDOM, "choice", Random(5).choice, raising=False)
        answers = [mask(as_text(answer)) for answer in tour(DirectLine(world.reviewer), world, NAMES)]
        pairs = BlindedPair.objects.select_related("candidate_output").order_by("task_id")
        seen = Seen(answers, mask(annotation_tables()), [pair.candidate_output.text for pair in pairs])
        transaction.set_rollback(True)
    return seen


@pytest.mark.parametrize("gold_share", [0, 0.4], ids=["plain", "with gold pairs"])
def test_swapping_the_arms_changes_no_byte_a_reviewer_gets_and_no_row_of_annotations(
    gold_share: float,
) -> None:
    one = seen_in_a_world(swapped=False, gold_share=gold_share)
    other = seen_in_a_world(swapped=True, gold_share=gold_share)

    assert not set(one.candidate_texts) & set(other.candidate_texts)
    assert len(one.answers) == len(other.answers) > 150
    assert any("Content-Length" in answer for answer in one.answers)
    for answer, counterpart in zip(one.answers, other.answers, strict=True):
        assert answer == counterpart
    assert one.tables.count("annotations_judgment") > 5
    assert without_times(one.tables).splitlines() == without_times(other.tables).splitlines()


def without_times(text: str) -> str:
    """Rows made before the clock stood still."""
    return re.sub(r'"20\d\d-[^"]+"', '"time"', text)


def test_gold_pairs_change_no_byte_a_reviewer_gets_and_no_row_of_annotations() -> None:
    plain, golden = (seen_in_a_world(swapped=False, gold_share=share) for share in (0, 0.4))
    assert plain.answers == golden.answers
    assert without_times(plain.tables).splitlines() == without_times(golden.tables).splitlines()


def test_the_mask_hides_random_tokens_and_nothing_else() -> None:
    mask = Mask()
    text = mask("pair 11111111-2222-4333-8444-555555555555, csrftoken=" + "a" * 32 + "; Content-Length: 512")
    assert text == "pair uuid-0, csrftoken=token; Content-Length: 512"
    assert mask("11111111-2222-4333-8444-555555555555") == "uuid-0"
