import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.scorers.base import BadParams
from experiments.scorers.patterns import BadPattern, compiled
from tests.scorers.scoring import passes, score

REFUSED = {
    "(?=a)": "no look-around",
    "(?<!a)b": "no look-around",
    r"(a)\1": "no back-references",
    "a{2000}": "at most 1,000",
    "(": "missing )",
    "a)|(b": "unexpected )",
    "x" * 10_001: "10,000 characters",
    "\ud800": "surrogate",
}


@pytest.mark.parametrize("source", REFUSED)
def test_a_pattern_re2_cannot_match_is_refused_with_the_reason(source: str) -> None:
    for fold_case in (False, True):
        with pytest.raises(BadPattern) as refusal:
            compiled(source, fold_case=fold_case)
        assert REFUSED[source] in str(refusal.value)


def test_a_pattern_that_would_backtrack_for_ever_is_matched_at_once() -> None:
    text = "a" * 200_000 + "!"
    started = time.process_time()
    assert compiled("^(a+)+$").search(text) is None
    assert compiled("(a|aa)+$").search(text) is None
    assert compiled("(.*a){20}b").search(text) is None
    assert time.process_time() - started < 2


@given(st.text(alphabet=st.characters()))
def test_any_text_can_be_searched(text: str) -> None:
    assert compiled("").search(text) == ""
    assert compiled("(?s).*").fullmatch(text)


def test_a_pattern_matches_a_part_or_the_whole() -> None:
    assert passes("regex_match", "order 4711 shipped", params={"pattern": r"\d{4}"})
    assert not passes("regex_match", "order 4711 shipped", params={"pattern": r"\d{4}", "whole": True})
    assert passes("regex_match", "4711", params={"pattern": r"\d{4}", "whole": True})
    assert score("regex_match", "order 4711", params={"pattern": r"\d+"}).detail == {"found": "4711"}


def test_an_alternative_is_not_cut_by_the_options() -> None:
    options = {"pattern": "a|B", "fold_case": True, "dot_all": True}
    assert passes("regex_match", "A", params=options)
    assert passes("regex_match", "xb", params=options)


def test_the_dot_matches_the_end_of_a_line_where_it_is_told_to() -> None:
    assert not passes("regex_match", "a\nb", params={"pattern": "a.b"})
    assert passes("regex_match", "a\nb", params={"pattern": "a.b", "dot_all": True})


def test_without_a_pattern_the_expected_answer_is_one() -> None:
    assert passes("regex_match", "it is 12", r"\b1[0-9]\b")
    assert passes("regex_match", "it is 99", r"\b1[0-9]\b", accepted=["9{2}"])
    assert not passes("regex_match", "it is 9", r"\b1[0-9]\b")
    assert score("regex_match", "it is 9").value is None


def test_a_bad_pattern_of_a_case_is_its_reason_and_of_the_scorer_is_refused() -> None:
    result = score("regex_match", "x", "(?=x)")
    assert result.value is None
    assert "no look-around" in result.reason
    with pytest.raises(BadParams, match=r"regex_match: pattern cannot be used.*look-around"):
        score("regex_match", "x", params={"pattern": "(?=x)"})


def test_every_line_must_have_the_form() -> None:
    params = {"pattern": r"- \w+: \d+"}
    assert passes("line_format", "- a: 1\n\n- b: 22\n", params=params)
    assert not passes("line_format", "- a: 1\n\n- b: 22", params={**params, "blank_lines": "refused"})
    result = score("line_format", "- a: 1\nSure!\n- b: x", params=params)
    assert result.reason == "2 of 3 lines have another form"
    assert result.detail["misfits"] == [{"line": 2, "text": "Sure!"}, {"line": 3, "text": "- b: x"}]


def test_the_number_of_lines_is_part_of_the_form() -> None:
    params = {"pattern": ".*", "fewest": 2, "most": 3}
    assert [passes("line_format", "x\n" * n, params=params) for n in range(1, 5)] == [False, True, True, False]
    assert not passes("line_format", "", params={"pattern": ".*"})


def test_a_line_format_needs_its_pattern_and_a_sensible_number_of_lines() -> None:
    with pytest.raises(BadParams, match="pattern must be given"):
        score("line_format", "x")
    with pytest.raises(BadParams, match="below fewest"):
        score("line_format", "x", params={"pattern": "x", "fewest": 3, "most": 2})
