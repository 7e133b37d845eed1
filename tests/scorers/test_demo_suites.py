"""The suites shipped with the demo: well formed, and with pass rates that give a reader something to find."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from experiments.importers import outputs
from experiments.importers.limits import DEFAULT
from experiments.importers.problems import Problem
from experiments.scorers import registry
from experiments.scorers.base import Case, Response
from experiments.scorers.patterns import compiled
from experiments.scorers.schema_check import checker
from experiments.scorers.tools import find, tools_of
from tests.scorers.scoring import json_lines

DEMO = Path(registry.__file__).parents[1] / "demo"
CHECKS = ("tools", "expected_tool_calls", "must_not_match", "must_not_call")
TOOL_SCORERS: dict[str, dict[str, Any]] = {"tool_call": {}, "must_not_match": {}, "must_not_call": {}}
ANSWER_SCORER: dict[str, dict[str, Any]] = {"contains": {"whole_words": True}}
SUITES = ("tools_suite", "general_suite")
MODELS = ("baseline", "candidate")


def cases(suite: str) -> list[dict[str, Any]]:
    return json_lines(DEMO / f"{suite}.jsonl")


def rows(suite: str, model: str) -> dict[str, outputs.OutputRow]:
    """As an upload reads them."""
    records = json_lines(DEMO / f"{suite}_{model}.jsonl")
    problems: list[Problem] = []
    columns = outputs.suggest(sorted({name for record in records for name in record}))
    read = outputs.read(enumerate(records, 1), columns=columns, errors_known=(), limits=DEFAULT, report=problems.append)
    found = {row.id: row for row in read}
    assert problems == []
    return found


def passed(suite: str, model: str, scorers: Mapping[str, Mapping[str, Any]]) -> dict[str, bool]:
    """By case: whether it passes all scorers that apply to it."""
    answers = rows(suite, model)
    judges = [(registry.get(name), registry.get(name).bind(params)) for name, params in scorers.items()]
    found = {}
    for row in cases(suite):
        case = Case(expected=row.get("expected", ""), checks={key: row[key] for key in CHECKS if key in row})
        answer = answers[row["id"]]
        response = Response(text=answer.text, tool_calls=answer.tool_calls)
        verdicts = [judge(case, response).passed for scorer, judge in judges if scorer.applies(case)]
        assert verdicts
        assert None not in verdicts
        found[row["id"]] = all(verdicts)
    return found


def by_category(suite: str, right: dict[str, bool]) -> dict[str, int]:
    return dict(Counter(row["category"] for row in cases(suite) if right[row["id"]]))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("model", MODELS)
def test_each_case_has_one_output_of_each_model(suite: str, model: str) -> None:
    ids = [row["id"] for row in cases(suite)]
    assert len(set(ids)) == len(ids)
    assert list(rows(suite, model)) == ids


def test_the_tools_suite_has_ten_cases_of_each_kind() -> None:
    assert Counter(row["category"] for row in cases("tools_suite")) == {"simple": 10, "edge": 10, "adversarial": 10}
    adversarial = [row for row in cases("tools_suite") if row["category"] == "adversarial"]
    assert all(row.get("must_not_match") or row.get("must_not_call") for row in adversarial)


@pytest.mark.parametrize("row", cases("tools_suite"), ids=lambda row: row["id"])
def test_what_a_case_expects_and_forbids_can_be_kept_to(row: dict[str, Any]) -> None:
    tools = tools_of(row["tools"])
    assert len(tools) == len(row["tools"]) > 0
    for call in row["expected_tool_calls"]:
        tool = find(tools, call["name"])
        assert tool is not None
        schema = checker(tool.parameters)
        for name, accepted in call["arguments"].items():
            for value in accepted:
                fitting = {key: plain(values[0]) for key, values in call["arguments"].items() if values[0] != ""}
                assert schema.problems(fitting if value == "" else {**fitting, name: plain(value)}) == []
    for pattern in row.get("must_not_match", []):
        compiled(pattern)
    forbidden = set(row.get("must_not_call", [])) - {"*"}
    assert forbidden <= {tool.name for tool in tools}
    assert not forbidden & {call["name"] for call in row["expected_tool_calls"]}


def plain(value: Any) -> Any:
    """One value that an accepted object stands for."""
    return {key: values[0] for key, values in value.items()} if isinstance(value, dict) else value


def test_the_candidate_is_better_with_tools_but_for_three_regressions() -> None:
    baseline, candidate = (passed("tools_suite", model, TOOL_SCORERS) for model in MODELS)
    assert by_category("tools_suite", baseline) == {"simple": 8, "edge": 5, "adversarial": 5}
    assert by_category("tools_suite", candidate) == {"simple": 9, "edge": 8, "adversarial": 8}
    assert [name for name in baseline if baseline[name] and not candidate[name]] == ["tc-10", "tc-12", "tc-24"]


def test_the_candidate_is_slightly_worse_on_general_questions() -> None:
    baseline, candidate = (passed("general_suite", model, ANSWER_SCORER) for model in MODELS)
    assert (sum(baseline.values()), sum(candidate.values())) == (109, 105)
    assert sum(baseline[name] and not candidate[name] for name in baseline) == 9
    assert sum(candidate[name] and not baseline[name] for name in baseline) == 5
    assert Counter(row["category"] for row in cases("general_suite")) == dict.fromkeys(
        ("arithmetic", "facts", "words", "dates_units"), 30
    )


def test_an_answer_in_a_sentence_is_right_for_one_scorer_and_wrong_for_the_other() -> None:
    exact = passed("general_suite", "baseline", {"exact_match": {}})
    assert sum(exact.values()) == 107
