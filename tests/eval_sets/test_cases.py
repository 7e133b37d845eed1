"""What a file of cases may hold, and what is refused, with its row."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.eval_sets.reading import dry_run, lines, of_rows

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def test_every_field_is_read(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Weather in Paris?"},
        ],
        "expected": "sunny",
        "category": "tools",
        "tags": ["a", "b"],
        "cluster": "c",
        "accepted": ["bright"],
        "schema": {"type": "object"},
        "tools": [WEATHER],
        "expected_tool_calls": [{"name": "get_weather", "arguments": {"city": ["Paris", "paris"]}}],
        "must_not_match": ["(?i)sorry"],
        "must_not_call": ["delete_all"],
        "response_format": {"type": "json_object"},
        "metadata": {"source": "x"},
    }
    case = of_rows(tmp_path, [row]).case
    assert (case.id, case.system, case.prompt) == ("7", "Be brief.", "Weather in Paris?")
    assert case.turns == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert (case.expected, case.category, case.tags, case.cluster) == ("sunny", "tools", ["a", "b"], "c")
    assert case.metadata == {"source": "x"}
    for name in ("accepted", "schema", "tools", "expected_tool_calls", "must_not_match", "must_not_call"):
        assert case.checks[name] == row[name]
    assert case.checks["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("column", ["prompt", "instruction", "input", "question", "query", "problem"])
@pytest.mark.parametrize("expected", ["expected", "answer", "target", "ideal", "reference", "expected_output"])
def test_usual_names_are_understood(tmp_path: Path, column: str, expected: str) -> None:
    case = of_rows(tmp_path, [{column: "Q", expected: "A"}]).case
    assert (case.prompt, case.expected) == ("Q", "A")


def test_in_csv_checks_stand_as_json(tmp_path: Path) -> None:
    data = b'prompt,schema,expected_tool_calls,must_not_call,accepted\nQ,"{""type"": ""object""}",[],"a, b",one\n'
    case = dry_run(tmp_path, data, name="cases.csv").case
    assert case.checks == {
        "schema": {"type": "object"}, "expected_tool_calls": [], "must_not_call": ["a", "b"], "accepted": ["one"],
    }  # fmt: skip


def test_the_answer_of_a_fine_tuning_example_is_what_is_expected(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    found = of_rows(tmp_path, [{"messages": messages}])
    assert (found.case.prompt, found.case.expected, found.case.answered) == ("2+2?", "4", True)
    assert found.checked.n_answered == 1


def test_an_expected_answer_of_its_own_comes_before_that_of_the_messages(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "five"}]
    found = of_rows(tmp_path, [{"messages": messages, "expected": "4"}])
    assert (found.case.expected, found.checked.n_answered) == ("4", 0)


def test_tool_calls_that_end_a_fine_tuning_example_are_expected(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": ["a"]}'}}
    messages = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    case = of_rows(tmp_path, [{"messages": messages, "tools": [WEATHER]}]).case
    assert case.checks["expected_tool_calls"] == [{"name": "get_weather", "arguments": {"city": [["a"]]}}]


def test_tool_calls_in_earlier_turns_stay(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
    ]
    case = of_rows(tmp_path, [{"messages": [*turns, {"role": "user", "content": "And?"}]}]).case
    assert case.turns == turns


@pytest.mark.parametrize(
    "given",
    [
        [{"name": "get_weather", "arguments": {"city": ["Paris"]}}],
        {"get_weather": {"city": ["Paris"]}},
        [{"get_weather": {"city": ["Paris"]}}],
        [{"name": "get_weather", "arguments": {"city": "Paris"}}],
        [{"function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}],
    ],
)
def test_expected_calls_come_into_one_form(tmp_path: Path, given: Any) -> None:
    case = of_rows(tmp_path, [{"prompt": "Q", "tools": [WEATHER["function"]], "ground_truth": given}]).case
    assert case.checks["expected_tool_calls"] == [{"name": "get_weather", "arguments": {"city": ["Paris"]}}]
    assert case.checks["tools"] == [WEATHER]


def test_several_expected_answers_are_the_first_and_others_that_are_right_too(tmp_path: Path) -> None:
    case = of_rows(tmp_path, [{"prompt": "Q", "expected": ["Paris", "paris"], "accepted": ["PARIS"]}]).case
    assert (case.expected, case.checks) == ("Paris", {"accepted": ["paris", "PARIS"]})


def test_an_expected_object_is_kept_as_json(tmp_path: Path) -> None:
    assert of_rows(tmp_path, [{"prompt": "Q", "expected": {"a": [1, None]}}]).case.expected == '{"a":[1,null]}'


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("schema", {"type": "nonsense"}, "bad_schema"),
        ("schema", {"pattern": "(?=x)"}, "bad_schema"),
        ("schema", "[]", "wrong_type"),
        ("tools", [{"type": "function"}], "bad_tool"),
        ("tools", [WEATHER, WEATHER], "bad_tool"),
        ("tools", [{"name": "has space", "parameters": {}}], "bad_tool"),
        ("tools", "[{", "bad_json"),
        ("expected_tool_calls", [{"arguments": {}}], "bad_tool_call"),
        ("expected_tool_calls", [{"name": "f", "arguments": "{"}], "bad_tool_call"),
        ("must_not_match", ["("], "bad_pattern"),
        ("must_not_match", ["(?=look)ahead"], "bad_pattern"),
        ("must_not_match", [{"a": 1}], "wrong_type"),
        ("response_format", {"kind": "json"}, "wrong_type"),
        ("category", "x" * 300, "too_long"),
        ("metadata", {"a": "\0"}, "nul"),
    ],
)
def test_a_bad_check_is_refused_with_its_row(tmp_path: Path, field: str, value: Any, kind: str) -> None:
    found = of_rows(tmp_path, [{"prompt": "Q"}, {"prompt": "Q2", field: value}])
    assert found.errors == [(2, field, kind)]
    assert len(found.cases) == 1


def test_an_expected_call_of_a_tool_that_is_not_offered_is_warned_of(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Q", "tools": [WEATHER], "expected_tool_calls": [{"name": "other", "arguments": {}}]},
        {"prompt": "Q2", "expected_tool_calls": [{"name": "other", "arguments": {}}]},
        {"prompt": "Q3", "tools": [{"name": "a.b"}], "expected_tool_calls": [{"name": "a_b", "arguments": {}}]},
    ]
    found = of_rows(tmp_path, rows)
    assert found.errors == []
    assert [row for row, _ in found.warnings("unknown_tool")] == [1]


def test_every_problem_of_a_row_is_told(tmp_path: Path) -> None:
    row = {"id": "a", "prompt": " ", "schema": 1, "must_not_match": ["("]}
    found = of_rows(tmp_path, [row, {"id": "b", "prompt": "Q"}])
    assert found.errors == [
        (1, "prompt", "blank"), (1, "schema", "wrong_type"), (1, "must_not_match", "bad_pattern"),
    ]  # fmt: skip


def test_parameters_that_are_no_schema_are_a_warning(tmp_path: Path) -> None:
    tool = {"name": "f", "parameters": {"type": "dict", "properties": {}}}
    found = of_rows(tmp_path, [{"prompt": "Q", "function": tool}])
    assert found.errors == []
    [(row, reason)] = found.warnings("tool_parameters")
    assert row == 1
    assert "an endpoint may refuse them" in reason


def test_repeated_ids_are_refused(tmp_path: Path) -> None:
    rows = [{"id": name, "prompt": f"Q{number}"} for number, name in enumerate("aba")]
    assert of_rows(tmp_path, rows).errors == [(3, "id", "duplicate_id")]


def test_small_sets_and_small_categories_are_warned_of(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {n}", "expected": "x", "category": "few" if n < 29 else "many"} for n in range(99)]
    found = of_rows(tmp_path, rows)
    assert [reason.split(":")[0] for _, reason in found.warnings("few_cases")] == [
        "99 cases",
        "the category 'few' has 29 cases, fewer than 30",
    ]
    assert found.checked.categories == [("many", 70), ("few", 29)]
    rows += [{"prompt": "One more", "expected": "x", "category": "few"}]
    assert of_rows(tmp_path, rows).warnings("few_cases") == []


def test_cases_that_expect_nothing_are_counted(tmp_path: Path) -> None:
    found = of_rows(tmp_path, [{"prompt": "Q"}, {"prompt": "Q2", "must_not_call": ["x"]}])
    [(_, reason)] = found.warnings("nothing_expected")
    assert reason.startswith("1 of 2 cases")


def test_columns_that_are_not_read_are_told(tmp_path: Path) -> None:
    assert of_rows(tmp_path, [{"prompt": "Q", "colour": 1, "metadata.x": 2}]).checked.unread == ["colour"]


def test_a_file_without_cases_is_said(tmp_path: Path) -> None:
    found = dry_run(tmp_path, lines({"prompt": " "}))
    assert found.errors == [(1, "prompt", "blank")]
    assert found.checked.n_cases == 0


def test_a_field_of_the_wrong_kind_says_what_is_expected(tmp_path: Path) -> None:
    found = of_rows(tmp_path, [{"prompt": "Q", "tools": orjson.dumps({"x": 1}).decode()}])
    assert "a tool is" in found.problems[0].reason
