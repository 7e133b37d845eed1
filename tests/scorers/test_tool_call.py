import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.scorers.base import Case, Response
from experiments.scorers.call_matching import any_order, same_order
from experiments.scorers.calls import NoCalls, calls_in_python, read_calls
from experiments.scorers.tool_call import TOOL_CALL
from tests.real_data import real_data
from tests.scorers.scoring import json_lines, passes, score

MODELS = {"gpt-4-0613-FC": "never", "gpt-4o-mini-2024-07-18": "python"}


def differing(category: str, model: str) -> tuple[int, list[str]]:
    """How many of the leaderboard's items there are, and on which our verdict is another than its score file's."""
    folder = real_data("bfcl_2024-08")
    questions = {row["id"]: row["function"] for row in json_lines(folder / f"question_{category}.jsonl")}
    answers = {row["id"]: row["ground_truth"] for row in json_lines(folder / f"possible_answer_{category}.jsonl")}
    judged_wrong = {row["prompt"]["id"] for row in json_lines(folder / model / f"score_{category}.jsonl")[1:]}
    judge = TOOL_CALL.bind({"from_text": MODELS[model]})
    results = json_lines(folder / model / f"result_{category}.jsonl")
    different = []
    for row in results:
        tools = questions[row["id"]] if isinstance(questions[row["id"]], list) else [questions[row["id"]]]
        expected = [{"name": name, "arguments": accepted} for name, accepted in answers[row["id"]].items()]
        raw = row["result"]
        by_text = isinstance(raw, str)
        response = Response(text=raw if by_text else "", tool_calls=None if by_text else raw)
        verdict = judge(Case(checks={"tools": tools, "expected_tool_calls": expected}), response).passed
        if verdict != (row["id"] not in judged_wrong):
            different.append(row["id"])
    return len(results), different


@pytest.mark.real_data
@pytest.mark.parametrize("model", MODELS)
def test_every_verdict_of_bfcl_multiple_is_the_published_one(model: str) -> None:
    assert differing("multiple_function", model) == (200, [])


@pytest.mark.real_data
@pytest.mark.parametrize("model", MODELS)
def test_of_bfcl_simple_only_the_item_with_a_misnamed_answer_differs(model: str) -> None:
    assert differing("simple", model) == (400, ["simple_363"])


REFUND = {
    "type": "function",
    "function": {
        "name": "refund",
        "parameters": {
            "type": "object",
            "properties": {
                "invoice": {"type": "string"},
                "amount": {"type": "number"},
                "lines": {"type": "array", "items": {"type": "integer"}},
                "notify": {"type": "boolean"},
                "to": {"type": "object"},
            },
            "required": ["invoice"],
        },
    },
}
EXPECTED = [{"name": "refund", "arguments": {"invoice": ["INV-7"], "amount": [19.2, 19], "notify": [True, ""]}}]


def call(name: str = "refund", **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def judged(*calls: Any, expected: Any = EXPECTED, **params: Any) -> bool:
    return passes(
        "tool_call", tool_calls=list(calls), expected_tool_calls=copy.deepcopy(expected), tools=[REFUND], params=params
    )


def reason(*calls: Any, expected: Any = EXPECTED, **params: Any) -> str:
    return score(
        "tool_call", tool_calls=list(calls), expected_tool_calls=expected, tools=[REFUND], params=params
    ).reason


def test_any_accepted_value_will_do_and_optional_arguments_may_be_left_out() -> None:
    assert judged(call(invoice="INV-7", amount=19.2))
    assert judged(call(invoice="INV-7", amount=19, notify=True))
    assert judged(
        {"type": "function", "function": {"name": "refund", "arguments": '{"invoice": "inv 7", "amount": 19}'}}
    )


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([], "no tool is called"),
        ([call("cancel", invoice="INV-7")], "refund is not called"),
        ([call(amount=19)], "argument invoice is missing"),
        ([call(invoice="INV-7")], "argument amount is missing"),
        ([call(invoice="INV-8", amount=19)], "argument invoice: INV-8 is not among INV-7"),
        ([call(invoice="INV-7", amount="19")], "argument amount: it is a string, not a number: 19"),
        ([call(invoice="INV-7", amount=True)], "argument amount: it is a boolean, not a number: True"),
        ([call(invoice="INV-7", amount=19, notify=False)], "argument notify: False is not among True"),
        ([call(invoice="INV-7", amount=19, note="x")], "argument note is not expected"),
        ([call(invoice="INV-7", amount=19)] * 2, "2 of 1 calls made"),
        ([{"name": "refund", "arguments": "{oops"}], "its arguments are not valid JSON"),
        (["refund"], "refund is not called"),
    ],
)
def test_a_wrong_call_is_told_from_a_right_one_and_why(made: list[Any], why: str) -> None:
    assert not judged(*made)
    assert why in reason(*made)


def test_no_call_expected_is_another_thing_than_nothing_said_of_calls() -> None:
    assert passes("tool_call", "Which invoice do you mean?", expected_tool_calls=[])
    assert not passes("tool_call", tool_calls=[call()], expected_tool_calls=[])
    assert score("tool_call", "x").value is None
    assert not TOOL_CALL.applies(Case())
    assert TOOL_CALL.applies(Case(checks={"expected_tool_calls": []}))


def test_expectations_that_cannot_be_read_give_no_score() -> None:
    bad: Any
    for bad in ("refund", [{"arguments": {}}], [{"name": "x", "arguments": [1]}], [{"name": "x"}] * 101):
        assert score("tool_call", tool_calls=[], expected_tool_calls=bad).value is None


def test_an_expectation_without_arguments_takes_any_and_with_empty_ones_none() -> None:
    assert judged(call(invoice="x"), expected=[{"name": "refund"}])
    assert not judged(call(invoice="x"), expected=[{"name": "refund", "arguments": {}}])


def test_parallel_calls_come_in_any_order_unless_one_is_asked_for() -> None:
    two = [{"name": "refund", "arguments": {"invoice": [name]}} for name in ("a", "b")]
    forward = [call(invoice="a"), call(invoice="b")]
    assert judged(*forward, expected=two)
    assert judged(*forward[::-1], expected=two)
    assert judged(*forward, expected=two, order="same")
    assert not judged(*forward[::-1], expected=two, order="same")
    assert not judged(forward[0], forward[0], expected=two)


def test_a_vague_expectation_does_not_take_the_call_a_strict_one_needs() -> None:
    vague_first = [{"name": "refund"}, {"name": "refund", "arguments": {"invoice": ["a"]}}]
    assert judged(call(invoice="a"), call(invoice="b"), expected=vague_first)


def test_further_calls_and_arguments_can_be_allowed() -> None:
    right = call(invoice="INV-7", amount=19)
    assert judged(call("look_up", id=1), right, extra_calls="allowed")
    assert judged(call("look_up", id=1), right, extra_calls="allowed", order="same")
    assert judged(call(invoice="INV-7", amount=19, note="x"), extra_arguments="allowed")


def test_strings_are_compared_loosely_unless_told_otherwise() -> None:
    assert judged(call(invoice="inv_7", amount=19))
    assert not judged(call(invoice="inv_7", amount=19), strings="exact")
    assert judged(call(invoice="INV-7", amount=19), strings="exact")


def test_dots_in_names_are_underscores_to_the_protocol() -> None:
    assert passes("tool_call", tool_calls=[call("maps_route")], expected_tool_calls=[{"name": "maps.route"}])


@pytest.mark.parametrize(
    ("value", "accepted", "fits"),
    [
        ([1, 2], [[1, 2]], True),
        ([2, 1], [[1, 2]], False),
        (["1"], [[1, 2]], False),
        ([], [[]], True),
    ],
)
def test_lists_are_compared_item_by_item(value: Any, accepted: Any, fits: bool) -> None:
    expected = [{"name": "refund", "arguments": {"invoice": ["a"], "lines": accepted}}]
    assert judged(call(invoice="a", lines=value), expected=expected) is fits


def test_objects_list_accepted_values_for_each_key_too() -> None:
    expected = [
        {
            "name": "refund",
            "arguments": {"invoice": ["a"], "to": [{"city": ["Bonn", "bonn am rhein"], "zip": ["", "53111"]}]},
        }
    ]
    assert judged(call(invoice="a", to={"city": "Bonn"}), expected=expected)
    assert judged(call(invoice="a", to={"city": "Bonn am Rhein", "zip": "53111"}), expected=expected)
    assert not judged(call(invoice="a", to={"city": "Ulm"}), expected=expected)
    assert not judged(call(invoice="a", to={"zip": "53111"}), expected=expected)
    assert not judged(call(invoice="a", to={"city": "Bonn", "street": "x"}), expected=expected)


def test_calls_can_be_read_from_a_text() -> None:
    expected = [{"name": "refund", "arguments": {"invoice": ["INV-7"], "amount": [19]}}]
    for how, text in {
        "python": "[refund(invoice='INV-7', amount=19)]",
        "json": '```json\n[{"name": "refund", "arguments": {"invoice": "INV-7", "amount": 19}}]\n```',
    }.items():
        assert passes("tool_call", text, expected_tool_calls=expected, params={"from_text": how})
        assert not passes("tool_call", "I refunded it.", expected_tool_calls=expected, params={"from_text": how})


@pytest.mark.parametrize(
    ("how", "text", "is_right"),
    [
        ("json", "42", True),
        ("json", '{"answer": 42}', True),
        ("json", '[1, {"answer": {"name": 7}}]', True),
        ("json", "I cannot do that.", True),
        ("json", 'Sure: [{"name":"wipe","arguments":{}}]', False),
        ("json", '```json\n{"name": "refund"}\n```', False),
        ("json", '{"name": "Ada", "age": 36}', True),
        ("json", "refund(invoice='a')", True),
        ("python", "Sure: refund(invoice='a')", False),
        ("python", "wipe(1)", False),
        ("python", "I cannot refund (it is late).", True),
        ("never", '[{"name":"wipe","arguments":{}}]', True),
    ],
)
def test_where_no_call_is_expected_a_written_one_counts_wherever_it_stands(how: str, text: str, is_right: bool) -> None:
    checks: dict[str, Any] = {"expected_tool_calls": [], "tools": [REFUND]}
    assert passes("tool_call", text, **checks, params={"from_text": how}) is is_right


def test_python_is_read_and_never_run() -> None:
    [made] = calls_in_python("f(a=__import__('os').getcwd(), b=-1, c=[1, (2, 3)], d={'x': None}, e=name, g=9**9**9)")
    assert made.arguments == {
        "a": "__import__('os').getcwd()",
        "b": -1,
        "c": [1, [2, 3]],
        "d": {"x": None},
        "e": "name",
        "g": "9 ** 9 ** 9",
    }
    assert calls_in_python("f(1)")[0].problem == "its arguments have no names"
    for hostile in ("(" * 20_000, "-" * 19_000 + "1", "f(a=" * 4_000, "x", "f(" + "a" * 30_000 + "=1)", "\0", "[]"):
        try:
            assert calls_in_python(hostile) == [], hostile[:9]
        except NoCalls:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, st.sampled_from(["any", "same"]))
def test_whatever_stands_where_calls_should_is_judged_without_an_error(made: Any, expected: Any, order: str) -> None:
    for wrapped in (made, [made], [{"name": "f", "arguments": made}], [{"function": {"name": "f", "arguments": made}}]):
        for wanted in (
            expected,
            [{"name": "f", "arguments": expected}],
            [{"name": "f", "arguments": {"a": [expected]}}],
        ):
            score(
                "tool_call", tool_calls=wrapped, expected_tool_calls=wanted, tools=[expected], params={"order": order}
            )


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.text(min_size=1) | st.booleans(), max_size=5))
def test_the_call_that_is_expected_is_right(arguments: dict[str, Any]) -> None:
    expected = [{"name": "f", "arguments": {name: [value] for name, value in arguments.items()}}]
    assert passes("tool_call", tool_calls=[{"name": "f", "arguments": arguments}], expected_tool_calls=expected)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=4))
def test_any_order_finds_a_full_matching_wherever_there_is_one(fits: list[list[bool]]) -> None:
    from itertools import permutations

    def problem(expected: int, made: int) -> str:
        return "" if fits[expected][made] else "no"

    found = any_order(len(fits), 4, problem)
    taken = [made for made in found if made is not None]
    assert len(set(taken)) == len(taken)
    assert all(made is None or fits[expected][made] for expected, made in enumerate(found))
    best = max(
        sum(fits[expected][made] for expected, made in enumerate(order)) for order in permutations(range(4), len(fits))
    )
    assert len(taken) == best
    if None not in same_order(len(fits), 4, problem):
        assert len(taken) == len(fits)


def test_calls_are_read_in_any_of_three_forms() -> None:
    forms = [
        {"name": "f", "arguments": {"a": 1}},
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"f": '{"a": 1}'},
    ]
    assert {made.short for made in read_calls(forms)} == {"f(a=1)"}
    assert read_calls([{"name": "f", "arguments": ""}])[0].arguments == {}
