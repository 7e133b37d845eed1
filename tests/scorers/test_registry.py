import json
from typing import Any

import pytest

from experiments.scorers import registry
from experiments.scorers.base import BadParams, Case, Scorer
from experiments.scorers.params import Param
from experiments.scorers.shown import shown, shown_list

ALL = list(registry.SCORERS.values())
UNITS = {"share", "ms", "tokens", "characters", "perplexity", "points"}
NEEDED = {"line_format": {"pattern": "x"}, "rubric": {"url": "http://127.0.0.1:9/judge"}}


def name(scorer: Scorer) -> str:
    return scorer.name


@pytest.mark.parametrize("scorer", ALL, ids=name)
def test_every_scorer_can_be_described_and_used_with_its_defaults(scorer: Scorer) -> None:
    assert registry.get(scorer.name) is scorer
    assert scorer.version >= 1
    assert scorer.unit in UNITS
    assert scorer.title
    assert scorer.summary.endswith(".")
    assert scorer.label(NEEDED.get(scorer.name, {}))
    scorer.bind(NEEDED.get(scorer.name, {}))
    assert all(param.help for param in scorer.params)
    assert len({param.name for param in scorer.params}) == len(scorer.params)
    assert scorer.settled(scorer.settled({})) == scorer.settled({})
    json.dumps(scorer.settled({}))


@pytest.mark.parametrize("scorer", [scorer for scorer in ALL if scorer.has_pass_mark], ids=name)
def test_what_can_be_passed_is_a_share_and_more_is_better(scorer: Scorer) -> None:
    assert (scorer.unit, scorer.higher_is_better) == ("share", True)


def test_an_unknown_scorer_is_refused_with_those_there_are() -> None:
    with pytest.raises(registry.NoSuchScorer, match="exact_match, numeric_match"):
        registry.get("exact")


def test_a_fingerprint_tells_parameters_apart_but_not_how_they_were_written() -> None:
    exact, contains = registry.get("exact_match"), registry.get("contains")
    plain = registry.fingerprint(exact, {})
    assert plain == registry.fingerprint(exact, {"strip": True})
    assert len({plain, registry.fingerprint(exact, {"strip": False}), registry.fingerprint(contains, {})}) == 3
    numeric = registry.get("numeric_match")
    assert registry.fingerprint(numeric, {"tolerance": 1}) == registry.fingerprint(numeric, {"tolerance": 1.0})


BAD: list[tuple[str, Any, str]] = [
    ("exact_match", {"strp": True}, "does not know the parameter strp. There are: strip, fold_case"),
    ("exact_match", {"strip": 1}, "strip must be true or false, not 1"),
    ("exact_match", [], "params must be an object"),
    ("numeric_match", {"tolerance": float("nan")}, "tolerance must be a finite number"),
    ("numeric_match", {"tolerance": 10**400}, "tolerance must be a finite number"),
    ("numeric_match", {"tolerance": True}, "tolerance must be a finite number"),
    ("numeric_match", {"take": "best"}, "take must be one of last, first, only"),
    ("numeric_match", {"take": ["last"]}, "take must be one of"),
    ("numeric_match", {"after": 3}, "after must be a text"),
    ("line_format", {"pattern": "x", "fewest": -1}, "fewest must be a whole number from 0"),
    ("contains", {"texts": "refund"}, "texts must be a list of texts"),
    ("json_schema", {"schema": {"type": "strnig"}}, "schema cannot be used"),
    ("latency", {"unit": "s"}, "It takes none"),
]


@pytest.mark.parametrize(("scorer", "params", "why"), BAD)
def test_parameters_that_cannot_be_used_are_refused_with_the_reason(scorer: str, params: Any, why: str) -> None:
    with pytest.raises(BadParams) as refusal:
        registry.get(scorer).bind(params)
    assert why in str(refusal.value)


def test_a_parameter_says_what_it_expects() -> None:
    assert Param("x", "count", help="").expects == "a whole number from 0"
    assert Param("x", "choice", choices=("a", "b"), help="").expects == "one of a, b"


def test_scorers_apply_to_cases_that_hold_what_they_need() -> None:
    def fitting(**checks: Any) -> set[str]:
        case = Case(expected=checks.pop("expected", ""), checks=checks)
        return {scorer.name for scorer in ALL if scorer.applies(case)}

    always = {"regex_match", "line_format", "json_valid", "perplexity", "length", "output_tokens", "latency", "rubric"}
    assert fitting() == always
    assert {"exact_match", "rouge_l", "bleu"} <= fitting(expected="x")
    assert fitting(schema={}) == {*always, "json_schema"}
    assert fitting(expected_tool_calls=[], must_not_call=["x"]) == {*always, "tool_call", "must_not_call"}


SUITED: list[tuple[set[str], list[str], list[str]]] = [
    (set(), ["1,024", "7", "-3"], ["numeric_match", "exact_match"]),
    (set(), ["Half of 8 is 4.\n#### 4", "It is 2+2.\nA: 4"], ["numeric_match", "rouge_l"]),
    (set(), ["Paris", "Rome"], ["exact_match", "contains"]),
    (set(), [], ["exact_match", "contains"]),
    (
        set(),
        ["A long answer that takes more than one line of text to give, as summaries do."],
        ["rouge_l", "chrf", "similarity"],
    ),
    ({"schema"}, ["Paris"], ["json_schema", "exact_match", "contains"]),
    ({"response_format"}, ["Paris"], ["json_valid", "exact_match", "contains"]),
    ({"expected_tool_calls", "must_not_match"}, ["Paris"], ["tool_call", "must_not_match", "exact_match", "contains"]),
]


@pytest.mark.parametrize(("checks", "sample", "names"), SUITED)
def test_suggested_are_scorers_that_suit_what_a_set_holds(
    checks: set[str], sample: list[str], names: list[str]
) -> None:
    chosen = registry.suggested(checks, has_expected=True, expected_sample=sample)
    assert [one["scorer"] for one in chosen] == names
    assert 1 <= sum(one["primary"] for one in chosen) <= 2
    assert chosen[0]["primary"]
    for one in chosen:
        registry.get(one["scorer"]).bind(one["params"])


def test_nothing_is_suggested_for_a_set_that_holds_nothing_to_score_by() -> None:
    assert registry.suggested([], has_expected=False) == []


def test_what_is_shown_can_be_kept_by_a_database() -> None:
    assert shown("a\0\ud800" + "x" * 500) == "a␀?" + "x" * 196 + "…"
    assert shown({"a": 1}) == "{'a': 1}"
    assert shown_list("abcdefg", most=2) == ["a", "b", "and 5 more"]
