import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scorers.scoring import passes, score


@pytest.mark.parametrize(
    ("text", "expected", "params"),
    [
        ("Paris", "Paris", {}),
        (" Paris\n", "Paris", {}),
        ("PARIS", "Paris", {"fold_case": True}),
        ("Straße", "STRASSE", {"fold_case": True}),
        ("a \t\n b", "a b", {"fold_space": True}),
        ("\uff21\ufb01", "Afi", {"fold_unicode": True}),
    ],
)
def test_the_same_answer_is_right(text: str, expected: str, params: dict[str, bool]) -> None:
    assert passes("exact_match", text, expected, params=params)


@pytest.mark.parametrize(
    ("text", "expected", "params"),
    [
        ("paris", "Paris", {}),
        (" Paris", "Paris", {"strip": False}),
        (" a b", "a b", {"strip": False, "fold_space": True}),
        ("a  b", "a b", {}),
        ("Paris.", "Paris", {"fold_case": True, "fold_space": True}),
    ],
)
def test_another_answer_is_wrong(text: str, expected: str, params: dict[str, bool]) -> None:
    assert not passes("exact_match", text, expected, params=params)


def test_any_of_the_accepted_answers_is_right() -> None:
    assert passes("exact_match", "NYC", "New York", accepted=["NYC", "The Big Apple"])
    assert passes("exact_match", "4", "four", accepted=[4])
    assert passes("exact_match", "NYC", accepted=["NYC"])


def test_a_wrong_answer_shows_both() -> None:
    result = score("exact_match", "Lyon", "Paris")
    assert result.detail == {"found": "Lyon", "expected": ["Paris"]}


def test_without_an_expected_answer_there_is_no_score() -> None:
    result = score("exact_match", "Paris")
    assert (result.value, result.passed, result.reason) == (None, None, "the case has no expected answer")


@given(st.text(min_size=1).filter(lambda text: text.strip()), st.booleans(), st.booleans(), st.booleans())
def test_a_text_always_matches_itself(text: str, case: bool, space: bool, strip: bool) -> None:
    assert passes("exact_match", text, text, params={"fold_case": case, "fold_space": space, "strip": strip})


@given(st.text(alphabet="aA \t", min_size=1), st.text(alphabet="aA \t", min_size=1))
def test_overlooking_more_never_makes_a_right_answer_wrong(text: str, expected: str) -> None:
    strict = {"strip": False}
    for looser in ({"strip": True}, {"strip": False, "fold_case": True}, {"strip": False, "fold_space": True}):
        if passes("exact_match", text, expected, params=strict):
            assert passes("exact_match", text, expected, params=looser)
