from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.scorers.base import Case, Response
from experiments.scorers.numbers import numbers
from experiments.scorers.numeric_match import NUMERIC_MATCH
from experiments.stats.paired import mcnemar
from tests.real_data import real_data
from tests.scorers.scoring import json_lines, passes, score

PUBLISHED = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}


@pytest.mark.real_data
def test_the_solutions_of_gsm8k_score_as_published() -> None:
    rows = json_lines(real_data("gsm8k") / "example_model_solutions.jsonl")
    judge = NUMERIC_MATCH.bind({})
    right = {
        model: [judge(Case(expected=row["ground_truth"]), Response(text=row[model]["solution"])).passed for row in rows]
        for model in PUBLISHED
    }
    assert {model: sum(map(bool, found)) for model, found in right.items()} == PUBLISHED
    assert all(right[model] == [row[model]["is_correct"] for row in rows] for model in PUBLISHED)
    pairs = list(zip(right["6b_verification"], right["175b_finetuning"], strict=True))
    test = mcnemar(pairs.count((True, False)), pairs.count((False, True)), method="exact")
    assert (pairs.count((True, False)), pairs.count((False, True))) == (209, 152)
    assert test.p_value == pytest.approx(0.003151, abs=5e-7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it is 1,024", ["1024"]),
        ("$1,024.50", ["1024.5"]),
        ("12,34,567 rupees", ["1234567"]),
        ("1'000 or 1_000 or 1\u202f000", ["1000", "1000", "1000"]),
        ("1,2,3", ["1", "2", "3"]),
        ("1,2,3.5", ["1", "2", "3.5"]),
        ("-5, -$5, $-5, −5 and EUR -5", ["-5", "-5", "-5", "-5", "-5"]),
        ("3-5, (1)-5, GPT-4", ["3", "5", "1", "5", "4"]),
        ("x=-4", ["-4"]),
        ("5 m3 of CO2", ["5"]),
        ("USD5 US$6 7kg", ["5", "6", "7"]),
        ("3/4 cup", ["3/4"]),
        ("1/2/2024", ["1", "2", "2024"]),
        ("1.5e3 and 2E-2", ["1500", "1/50"]),
        (".5 and 9. and 1.2.3", ["1/2", "9", "6/5", "3"]),
        ("\u0661\u0662", ["12"]),
        ("none", []),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, found: list[str]) -> None:
    assert [number.value for number in numbers(text)] == [Fraction(each) for each in found]


def test_with_a_decimal_comma_points_separate_thousands() -> None:
    assert [number.value for number in numbers("1.234,5 und -3,25", ",")] == [Fraction("1234.5"), Fraction("-3.25")]


@given(st.text(alphabet="0123456789,.-+/eE $€%kmA'\u202f\n", max_size=60))
def test_reading_backwards_finds_the_same_numbers(text: str) -> None:
    assert list(numbers(text, backwards=True)) == list(numbers(text))[::-1]


@given(st.integers(-(10**15), 10**15), st.sampled_from(["{:,}", "{:d}", "{:_}", "answer: {:,}.", "${:,} in all"]))
def test_a_whole_number_is_read_however_it_is_grouped(value: int, form: str) -> None:
    assert [number.value for number in numbers(form.format(value))] == [value]


@given(st.decimals(-(10**9), 10**9, places=4))
def test_a_decimal_number_is_read_exactly(value: object) -> None:
    assert passes("numeric_match", f"so it is {value:,} m", str(value))


def test_the_last_the_first_or_the_only_number_counts() -> None:
    text = "From 3 apples and 4 pears she makes 7 pies"
    assert passes("numeric_match", text, "7")
    assert passes("numeric_match", text, "3", params={"take": "first"})
    assert not passes("numeric_match", text, "7", params={"take": "only"})
    assert passes("numeric_match", "7 pies", "7", params={"take": "only"})


def test_only_what_follows_the_marker_counts() -> None:
    params = {"after": "####"}
    assert passes("numeric_match", "#### 1\nno: #### 12", "long solution #### 12", params=params)
    assert score("numeric_match", "12", "#### 12", params=params).reason == "no number after ####"


def test_a_tolerance_is_absolute_or_relative() -> None:
    assert passes("numeric_match", "3.14", "3.14159", params={"tolerance": 0.002})
    assert not passes("numeric_match", "3.14", "3.14159", params={"tolerance": 0.001})
    assert passes("numeric_match", "99", "100", params={"relative_tolerance": 0.01})
    assert not passes("numeric_match", "98", "100", params={"relative_tolerance": 0.01})


def test_units_count_where_they_are_asked_for() -> None:
    same = {"units": "same"}
    assert passes("numeric_match", "5 m", "5 km")
    assert not passes("numeric_match", "5 m", "5 km", params=same)
    assert passes("numeric_match", "5 kms a day", "5 km", params=same)
    assert not passes("numeric_match", "€5", "$5", params=same)
    assert passes("numeric_match", "5 apples", "5", params=same)


def test_what_was_found_is_told() -> None:
    assert score("numeric_match", "so 1,024", "1023").detail == {"found": "1,024", "expected": ["1023"]}
    assert score("numeric_match", "no idea", "5").reason == "no number"
    assert score("numeric_match", "5", "five").reason == "the expected answer holds no number"


@pytest.mark.parametrize("text", ["9" * 1_000_000, "1e999999999", "1e99999", "5/0"])
def test_a_number_too_large_to_compare_is_wrong_and_says_so(text: str) -> None:
    assert score("numeric_match", text, "5").reason == "the number has too many digits to be compared"
