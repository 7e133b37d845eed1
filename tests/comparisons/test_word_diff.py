"""Two texts word by word: what is shown joins back to what was said, however hostile."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.reports import word_diff as module
from experiments.reports.word_diff import Segment, WordDiff, word_diff

few_words = st.lists(st.sampled_from(["a", "b", " ", "\n", "é", "<b>", "&", "١", "\u200d", "🙂"]), max_size=40).map(
    "".join
)


def joined(diff: WordDiff) -> tuple[str, str]:
    return "".join(part.text for part in diff.baseline), "".join(part.text for part in diff.candidate)


def kept(side: tuple[Segment, ...]) -> str:
    return "".join(part.text for part in side if not part.changed)


@given(st.text() | few_words, st.text() | few_words)
def test_the_segments_join_back_to_the_texts(baseline: str, candidate: str) -> None:
    diff = word_diff(baseline, candidate)
    assert joined(diff) == (baseline, candidate)
    assert kept(diff.baseline) == kept(diff.candidate)
    assert diff.is_same == (baseline == candidate)


@given(few_words, few_words)
def test_neighbours_differ_in_kind_and_none_is_empty(baseline: str, candidate: str) -> None:
    for side in (word_diff(baseline, candidate).baseline, word_diff(baseline, candidate).candidate):
        assert all(part.text for part in side)
        assert all(one.changed != other.changed for one, other in itertools.pairwise(side))


@given(few_words, few_words)
def test_too_many_words_are_compared_by_lines_and_too_many_lines_are_one_change(baseline: str, candidate: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for most in (0, 9):
            patch.setattr(module, "MOST_PAIRS", most)
            assert joined(word_diff(baseline, candidate)) == (baseline, candidate)


def test_only_the_words_that_differ_are_marked() -> None:
    diff = word_diff("The answer is 1,024 apples.", "The answer is 1,042 apples.")
    assert [part.text for part in diff.baseline if part.changed] == ["024"]
    assert [part.text for part in diff.candidate if part.changed] == ["042"]
    assert [part.text for part in diff.candidate if not part.changed] == ["The answer is 1,", " apples."]


def test_a_space_between_two_changes_belongs_to_them() -> None:
    diff = word_diff("one red fox ran", "one blue dog ran")
    assert [part.text for part in diff.candidate] == ["one ", "blue dog", " ran"]


def test_an_empty_answer_is_all_change() -> None:
    assert word_diff("", "Yes.") == WordDiff((), (Segment("Yes.", changed=True),))


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        ("a b " * 250_000, "b a " * 250_000),
        ("a" * 1_000_000, "b" * 1_000_000),
        ("!" * 1_000_000, "?!" * 500_000),
        ("x\n" * 500_000, "y\n" * 500_000),
        ("( " * 400_000, ") " * 400_000),
    ],
    ids=["alternating words", "two long words", "punctuation", "lines", "brackets"],
)
def test_a_million_hostile_characters_take_a_moment(baseline: str, candidate: str) -> None:
    started = time.perf_counter()
    diff = word_diff(baseline, candidate)
    took = time.perf_counter() - started
    assert joined(diff) == (baseline, candidate)
    assert took < 10, f"{took:.1f} s"
