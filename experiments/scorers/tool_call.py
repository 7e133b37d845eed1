"""The right tools, called with the right arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from experiments.scorers.accepted_values import problem_with
from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, right, unscored, wrong
from experiments.scorers.call_matching import any_order, same_order, unmatched
from experiments.scorers.calls import Call, NoCalls, calls_in_json, calls_in_python, read_calls
from experiments.scorers.shown import shown
from experiments.scorers.tools import Tool, find, same_name, tools_of
from experiments.scorers.written_calls import written_calls

NONE_GIVEN = "the case does not say which calls are expected (an empty list means none)"
READERS = {"never": None, "json": calls_in_json, "python": calls_in_python}
MOST_EXPECTED = 100
MOST_MADE = 1_000


@dataclass(frozen=True)
class Expected:
    """`arguments` is None where any will do."""

    name: str
    arguments: Mapping[str, Sequence[Any]] | None


def make(params: Mapping[str, Any]) -> Judge:
    from_text = READERS[params["from_text"]]
    match = any_order if params["order"] == "any" else same_order
    extra_calls, problem_of = params["extra_calls"] == "allowed", comparer(params)

    def judge(case: Case, response: Response) -> ScoreResult:
        expected = expected_of(case)
        if isinstance(expected, str):
            return unscored(expected)
        made, unread = calls_made(response, from_text) if expected else (calls_of_any_tool(case, response, params), "")
        detail = {"expected": [_shown_expected(one) for one in expected], "made": [call.short for call in made[:20]]}
        if not expected:
            return wrong("a tool is called where none should be", **detail) if made else right(**detail)
        if len(made) < len(expected) or (len(made) > len(expected) and not extra_calls):
            why = f"{len(made):,} of {len(expected):,} calls made" if made else unread or "no tool is called"
            return wrong(why, **detail)
        if len(made) > MOST_MADE:
            return wrong(f"{len(made):,} calls are made", **detail)
        tools = tools_of(case.checks.get("tools"))

        @cache
        def problem(wanted: int, at: int) -> str:
            return problem_of(expected[wanted], made[at], find(tools, expected[wanted].name))

        try:
            missing = unmatched(match(len(expected), len(made), problem))
        except RecursionError:
            return wrong("the arguments are nested too deeply", **detail)
        return wrong(_why(expected[missing[0]], made, missing[0], problem), **detail) if missing else right(**detail)

    return judge


def calls_made(response: Response, from_text: Callable[[str], list[Call]] | None) -> tuple[list[Call], str]:
    """The calls, and why the text gave none where it was asked."""
    if response.tool_calls or from_text is None:
        return read_calls(response.tool_calls), ""
    try:
        return from_text(response.text), ""
    except NoCalls as error:
        return [], str(error)


def calls_of_any_tool(case: Case, response: Response, params: Mapping[str, Any]) -> list[Call]:
    """Where none is expected, a call counts wherever in the text it stands, and JSON that calls nothing does not."""
    if response.tool_calls or params["from_text"] == "never":
        return read_calls(response.tool_calls)
    return written_calls(response.text, params["from_text"], [tool.name for tool in tools_of(case.checks.get("tools"))])


def expected_of(case: Case) -> list[Expected] | str:
    """The calls expected, or why they cannot be told."""
    listed = case.checks.get("expected_tool_calls")
    if listed is None:
        return NONE_GIVEN
    if not isinstance(listed, list) or len(listed) > MOST_EXPECTED:
        return f"expected_tool_calls must be a list of at most {MOST_EXPECTED} calls"
    calls = [_expected(item) for item in listed]
    known = [call for call in calls if call is not None]
    return known if len(known) == len(calls) else 'an expected call must be {"name", "arguments": {name: [values]}}'


def _expected(item: object) -> Expected | None:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        return None
    arguments = item.get("arguments")
    if arguments is None:
        return Expected(item["name"], None)
    if not isinstance(arguments, Mapping):
        return None
    return Expected(
        item["name"], {name: value if isinstance(value, list) else [value] for name, value in arguments.items()}
    )


def comparer(params: Mapping[str, Any]) -> Callable[[Expected, Call, Tool | None], str]:
    """Why a call is not the one expected, empty where it is."""
    loose, extra_arguments = params["strings"] == "loose", params["extra_arguments"] == "allowed"

    def problem(expected: Expected, call: Call, tool: Tool | None) -> str:
        if not same_name(expected.name, call.name):
            return f"{shown(call.name, 60)} is called instead of {shown(expected.name, 60)}"
        if call.problem or expected.arguments is None:
            return call.problem
        absent = missing_arguments(expected.arguments, call, tool)
        if absent:
            return f"argument {shown(absent[0], 60)} is missing"
        for name, value in call.arguments.items():
            if name not in expected.arguments or (tool is not None and tool.properties and name not in tool.properties):
                if extra_arguments:
                    continue
                return f"argument {shown(name, 60)} is not expected"
            schema = tool.schema_of(name) if tool is not None else {}
            why = problem_with(value, expected.arguments[name], schema, loose=loose)
            if why:
                return f"argument {shown(name, 60)}: {why}"
        return ""

    return problem


def missing_arguments(arguments: Mapping[str, Sequence[Any]], call: Call, tool: Tool | None) -> list[str]:
    """What the tool requires, and what the case does not allow to be left out."""
    needed = [*(tool.required if tool is not None else ()), *(name for name in arguments if "" not in arguments[name])]
    return [name for name in needed if name not in call.arguments]


def _why(wanted: Expected, made: Sequence[Call], place: int, problem: Callable[[int, int], str]) -> str:
    """What is wrong with the call that comes nearest: one of the same name, if any."""
    named = [at for at, call in enumerate(made) if same_name(call.name, wanted.name)]
    if not named:
        return f"{shown(wanted.name, 60)} is not called"
    return next((why for at in named if (why := problem(place, at))), f"{shown(wanted.name, 60)} is called too seldom")


def _shown_expected(expected: Expected) -> str:
    return Call(expected.name, expected.arguments or {}).short


TOOL_CALL = Scorer(
    name="tool_call",
    version=2,
    title="Tool calls",
    summary="Right where the tools expected, and no others, are called with accepted arguments; none where none is.",
    make=make,
    applies=lambda case: case.checks.get("expected_tool_calls") is not None,
    params=(
        Param("order", "choice", default="any", choices=("any", "same"), help="whether several calls have an order"),
        Param("extra_calls", "choice", default="refused", choices=("refused", "allowed"), help="calls nobody expected"),
        Param(
            "extra_arguments",
            "choice",
            default="refused",
            choices=("refused", "allowed"),
            help="arguments nobody expected",
        ),
        Param(
            "strings",
            "choice",
            default="loose",
            choices=("loose", "exact"),
            help="loose: case, spaces, , . / - _ * ^ and the kind of quote do not count",
        ),
        Param(
            "from_text",
            "choice",
            default="never",
            choices=tuple(READERS),
            help="where a model without a tool interface writes its calls into the text",
        ),
    ),
)
