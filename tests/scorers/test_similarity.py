import time
from contextlib import suppress
from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.scorers import ratcliff
from experiments.scorers.ratcliff import TooLong, ratio
from tests.real_data import real_data
from tests.scorers.scoring import json_lines, score


def by_difflib(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """A text and what became of it by a few edits, often past the 200 characters from which difflib drops letters."""
    alphabet = draw(st.sampled_from(["ab", "abc d", "etaoin shrdlu", "".join(map(chr, range(0x4E00, 0x4E80)))]))
    text = draw(st.text(alphabet, max_size=30)) * draw(st.integers(1, 12)) + draw(st.text(alphabet, max_size=60))
    other = text
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(other)))
        other = other[:at] + draw(st.text(alphabet, max_size=9)) + other[at + draw(st.integers(0, 9)) :]
    return text, other


@given(st.text(alphabet="ab c", max_size=30), st.text(alphabet="ab c", max_size=30))
def test_short_texts_compare_as_in_difflib(a: str, b: str) -> None:
    assert ratio(a, b) == by_difflib(a, b)


@given(st.text(alphabet=st.characters(), max_size=30), st.text(alphabet=st.characters(), max_size=30))
def test_any_characters_compare_as_in_difflib(a: str, b: str) -> None:
    assert ratio(a, b) == by_difflib(a, b)


@settings(max_examples=300)
@given(edited())
def test_edited_texts_compare_as_in_difflib(pair: tuple[str, str]) -> None:
    assert ratio(*pair) == by_difflib(*pair)
    assert ratio(*pair[::-1]) == by_difflib(*pair[::-1])


@pytest.mark.parametrize("length", [199, 200, 201, 300])
def test_the_rule_for_popular_characters_begins_where_it_does_in_difflib(length: int) -> None:
    a = "the quick brown fox jumps over the lazy dog " * 8
    b = ("a lazy dog slept while the quick fox ran off " * 8)[:length]
    assert ratio(a, b) == by_difflib(a, b)
    assert ratio("e" * 300, "e" * length) == by_difflib("e" * 300, "e" * length)


@pytest.mark.real_data
def test_real_answers_compare_as_in_difflib() -> None:
    rows = json_lines(real_data("self_instruct") / "text-davinci-003_predictions.jsonl")
    pairs = [(row["target"], row["response"]) for row in rows]
    assert [ratio(*pair) for pair in pairs] == [by_difflib(*pair) for pair in pairs]


HOSTILE = "".join(map(chr, range(0x4E00, 0x9000)))
PAIRS = {
    "one letter": ("a" * 1_000_000, "a" * 999_999),
    "many letters": (HOSTILE * 40, (HOSTILE * 40)[::-1]),
    "blocks of one": (HOSTILE, "1".join(HOSTILE)),
    "a period": (HOSTILE[:150] * 5_000, HOSTILE[1:150] * 5_000),
}


@pytest.mark.parametrize("name", PAIRS)
def test_texts_that_would_take_for_ever_are_refused_in_time(name: str) -> None:
    started = time.process_time()
    with suppress(TooLong):
        assert 0 <= ratio(*PAIRS[name]) <= 1
    assert time.process_time() - started < 20


def test_a_refusal_says_that_the_texts_are_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratcliff, "MOST_WORK", 1_000)
    result = score("similarity", HOSTILE[:200], HOSTILE[200::-1])
    assert (result.value, result.reason[:27]) == (None, "the two texts are too long,")


def test_the_expected_text_comes_first_as_in_difflib() -> None:
    a, b = "tide", "diet"
    assert by_difflib(a, b) != by_difflib(b, a)
    assert score("similarity", b, a).value == by_difflib(a, b)


def test_equal_texts_are_alike_and_the_nearest_answer_counts() -> None:
    assert score("similarity", "x" * 5_000, "x" * 5_000).value == 1
    assert score("similarity", "abc", "xyz", accepted=["abd"]).value == by_difflib("abd", "abc")
    assert score("similarity", " ABC ", "abc", params={"strip": True, "fold_case": True}).value == 1
    assert score("similarity", "abc").value is None


def test_texts_beyond_a_million_characters_are_not_compared() -> None:
    for name in ("similarity", "rouge_l", "bleu", "chrf"):
        assert "characters is not compared" in score(name, "a" * 1_000_001, "b").reason
