import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.scorers.base import BadParams
from experiments.scorers.contains import holds_word
from tests.scorers.scoring import passes, score


def test_the_expected_answer_stands_somewhere_in_the_text() -> None:
    assert passes("contains", "It is Paris, I think.", "Paris")
    assert not passes("contains", "It is paris.", "Paris")
    assert passes("contains", "It is paris.", "Paris", params={"fold_case": True})
    assert passes("contains", "It is NYC.", "New York", accepted=["NYC"])


def test_all_texts_of_the_scorer_must_be_there_or_any() -> None:
    texts = {"texts": ["refund", "14 days"]}
    assert passes("contains", "A refund takes 14 days.", params=texts)
    assert not passes("contains", "A refund takes a while.", params=texts)
    assert passes("any_of", "A refund takes a while.", params=texts)
    assert not passes("any_of", "No.", params=texts)
    assert score("contains", "A refund takes a while.", params=texts).detail["missing"] == ["14 days"]


def test_a_word_is_not_found_inside_another() -> None:
    whole = {"whole_words": True}
    assert not passes("contains", "category", "cat", params=whole)
    assert passes("contains", "category: cat", "cat", params=whole)
    assert passes("contains", "the (c) sign", "(c)", params=whole)
    assert not passes("contains", "word_1", "word", params=whole)


def test_there_must_be_something_to_look_for() -> None:
    assert score("contains", "x").value is None
    for texts in ([], ["a", ""]):
        with pytest.raises(BadParams, match="texts must list"):
            score("any_of", "x", params={"texts": texts})


@given(st.text(alphabet="ab _", max_size=12), st.text(alphabet="ab _", min_size=1, max_size=3))
def test_a_word_that_is_held_is_a_part_of_the_text(text: str, word: str) -> None:
    assert not holds_word(text, word) or word in text
    assert holds_word(f"({word.strip()})", word.strip()) or not word.strip()
