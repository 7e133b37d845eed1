"""What must not happen: texts that must not be said, tools that must not be called."""

import json
from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, right, unscored, wrong
from experiments.scorers.calls import Call, read_calls
from experiments.scorers.patterns import BadPattern, compiled
from experiments.scorers.shown import shown
from experiments.scorers.tools import same_name, tools_of
from experiments.scorers.written_calls import How, written_calls


def make_match(params: Mapping[str, Any]) -> Judge:
    fold_case, in_calls = params["fold_case"], params["in_calls"]

    def judge(case: Case, response: Response) -> ScoreResult:
        sources = case.checks.get("must_not_match")
        if not isinstance(sources, list) or not sources:
            return unscored("the case lists no pattern that must not match")
        try:
            patterns = [compiled(str(source), fold_case=fold_case, dot_all=True) for source in sources]
        except BadPattern as error:
            return unscored(str(error))
        places = {"the answer": response.text} | ({"a tool call": calls_as_text(response)} if in_calls else {})
        for place, text in places.items():
            for pattern in patterns:
                found = pattern.search(text)
                if found is not None:
                    return wrong(
                        f"{place} holds what must not be said", pattern=shown(pattern.source), found=shown(found)
                    )
        return right(patterns=len(patterns))

    return judge


def make_call(params: Mapping[str, Any]) -> Judge:
    from_text = params["from_text"]

    def judge(case: Case, response: Response) -> ScoreResult:
        names = case.checks.get("must_not_call")
        if not isinstance(names, list) or not names:
            return unscored("the case lists no tool that must not be called")
        written = [] if from_text == "never" else calls_in_text(case, response, from_text)
        for call in [*read_calls(response.tool_calls), *written]:
            if any(name == "*" or same_name(str(name), call.name) for name in names):
                return wrong("a tool is called that must not be", call=call.short)
        return right(tools=len(names))

    return judge


def calls_in_text(case: Case, response: Response, how: How) -> list[Call]:
    """Of the tools that are forbidden, and of those that are offered, which “*” forbids."""
    forbidden = [str(name) for name in case.checks["must_not_call"] if name != "*"]
    return written_calls(response.text, how, [*forbidden, *(tool.name for tool in tools_of(case.checks.get("tools")))])


def calls_as_text(response: Response) -> str:
    """Names and arguments of all calls, characters written as themselves."""
    parts = []
    for call in read_calls(response.tool_calls):
        try:
            parts.append(f"{call.name} {json.dumps(call.arguments, ensure_ascii=False, default=str)} {call.problem}")
        except (ValueError, RecursionError):
            parts.append(f"{call.name} {shown(call.arguments)}")
    return "\n".join(parts)


def _lists(key: str) -> Any:
    return lambda case: bool(case.checks.get(key))


MUST_NOT_MATCH = Scorer(
    name="must_not_match",
    version=1,
    title="Says nothing forbidden",
    summary="Right where no pattern that the case forbids (RE2 syntax) matches the answer or a tool call's arguments.",
    make=make_match,
    applies=_lists("must_not_match"),
    params=(
        Param("fold_case", "flag", default=True, help="upper and lower case are the same"),
        Param("in_calls", "flag", default=True, help="look at the arguments of tool calls too"),
    ),
)

MUST_NOT_CALL = Scorer(
    name="must_not_call",
    version=2,
    title="Calls nothing forbidden",
    summary="Right where no tool is called that the case forbids, nor a call of it written; “*” forbids all.",
    make=make_call,
    applies=_lists("must_not_call"),
    params=(
        Param(
            "from_text",
            "choice",
            default="any",
            choices=("any", "json", "python", "never"),
            help="calls that are written into the text count, in JSON, as in Python, or both",
        ),
    ),
)
