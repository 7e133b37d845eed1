"""What a case asks beyond its expected answer, checked and brought into one form."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from experiments.importers import values
from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Unfit
from experiments.scorers.patterns import BadPattern, compiled
from experiments.scorers.schema_check import BadSchema, checker
from experiments.scorers.tools import same_name

TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
MOST = 1000


def parsed(value: Any, column: str, limits: Limits) -> Any:
    """In CSV these stand as JSON text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise Unfit(Kind.BAD_JSON, f"this is not valid JSON: {error.msg}", column) from None
    values.sound(value, column, limits, limits.depth)
    return settled(value)


def settled(value: Any) -> Any:
    """jsonb knows no negative zero, and a set must read the same before and after."""
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, dict):
        return {key: settled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [settled(part) for part in value]
    return value


def texts(value: Any, column: str, limits: Limits) -> list[str]:
    """A list of texts, or one text."""
    given = value if isinstance(value, list) else [value]
    if len(given) > MOST:
        raise Unfit(Kind.TOO_LONG, f"{len(given):,} entries; at most {MOST:,}", column)
    return [values.text(each, column, limits.text) for each in given]


def accepted(value: Any, column: str, limits: Limits) -> list[str]:
    return texts(value, column, limits)


def schema(value: Any, column: str, limits: Limits) -> Any:
    if not isinstance(value, dict):
        raise Unfit(Kind.WRONG_TYPE, "a JSON Schema is an object", column)
    try:
        checker(value)
    except BadSchema as problem:
        raise Unfit(Kind.BAD_SCHEMA, f"this JSON Schema cannot be used: {problem}", column) from None
    return value


def tools(value: Any, column: str, limits: Limits) -> list[dict[str, Any]]:
    """As OpenAI's API takes them; a bare function is wrapped."""
    given = value if isinstance(value, list) else [value]
    found = [tool(each, column) for each in given]
    names = [each["function"]["name"] for each in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Unfit(Kind.BAD_TOOL, f"two tools are called {twice!r}", column)
    return found


def tool(value: Any, column: str) -> dict[str, Any]:
    if isinstance(value, dict) and "function" not in value and "name" in value:
        value = {"type": "function", "function": value}
    is_function = isinstance(value, dict) and value.get("type", "function") == "function"
    function = value.get("function") if is_function else None
    if not isinstance(function, dict):
        raise Unfit(Kind.BAD_TOOL, 'a tool is {"type": "function", "function": {"name": …, "parameters": …}}', column)
    name = function.get("name")
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise Unfit(Kind.BAD_TOOL, f"a tool's name is 1 to 128 letters, digits or _ . : / -, not {name!r}", column)
    if not isinstance(function.get("parameters", {}), dict):
        raise Unfit(Kind.BAD_TOOL, f"the parameters of {name!r} are not an object (a JSON Schema)", column)
    return {"type": "function", **{key: part for key, part in value.items() if key != "type"}}


def parameters_problem(tool: Mapping[str, Any]) -> str:
    """Why an endpoint could refuse the tool, or nothing."""
    function = tool["function"]
    try:
        checker(function.get("parameters", {}))
    except BadSchema as problem:
        return f"the parameters of {function['name']!r} are no JSON Schema, so an endpoint may refuse them: {problem}"
    return ""


def expected_tool_calls(value: Any, column: str, limits: Limits) -> list[dict[str, Any]]:
    """[{"name", "arguments": {argument: [accepted values]}}]; none means that no tool may be called."""
    given = value if isinstance(value, list) else [value]
    return [call(each, column) for each in given]


def call(value: Any, column: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(Kind.BAD_TOOL_CALL, 'a call is {"name": …, "arguments": {…}}', column)
    if isinstance(value.get("function"), dict):
        value = value["function"]
    if len(value) == 1 and not {"name", "arguments"} & value.keys():
        # The name as the key: {"get_weather": {"city": ["Paris"]}}.
        [(name, arguments)] = value.items()
        value = {"name": name, "arguments": arguments}
    name, arguments = value.get("name"), value.get("arguments", {})
    if not isinstance(name, str) or not name:
        raise Unfit(Kind.BAD_TOOL_CALL, "a call names the tool under `name`", column)
    is_text = isinstance(arguments, str)
    if is_text:
        try:
            arguments = orjson.loads(arguments or "{}")
        except orjson.JSONDecodeError as error:
            raise Unfit(Kind.BAD_TOOL_CALL, f"the arguments of {name!r} are not JSON: {error.msg}", column) from None
    if not isinstance(arguments, dict):
        raise Unfit(Kind.BAD_TOOL_CALL, f"the arguments of {name!r} are an object by name", column)
    # In JSON text, as a model writes them, a list is one value; else it holds the values that are accepted.
    return {"name": name, "arguments": {key: alternatives(part, is_text) for key, part in arguments.items()}}


def alternatives(value: Any, is_text: bool) -> list[Any]:
    return [value] if is_text or not isinstance(value, list) else value


def must_not_match(value: Any, column: str, limits: Limits) -> list[str]:
    patterns = texts(value, column, limits)
    for pattern in patterns:
        try:
            compiled(pattern)
        except BadPattern as problem:
            raise Unfit(Kind.BAD_PATTERN, str(problem), column) from None
    return patterns


def must_not_call(value: Any, column: str, limits: Limits) -> list[str]:
    return values.tags(value, column, limits.label)


def response_format(value: Any, column: str, limits: Limits) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise Unfit(Kind.WRONG_TYPE, 'a response format is an object such as {"type": "json_object"}', column)
    return value


TAKE: dict[str, Callable[[Any, str, Limits], Any]] = {
    "accepted": accepted,
    "schema": schema,
    "tools": tools,
    "expected_tool_calls": expected_tool_calls,
    "must_not_match": must_not_match,
    "must_not_call": must_not_call,
    "response_format": response_format,
}


def take(name: str, value: Any, column: str, limits: Limits) -> Any:
    """The check in its one form, or None where the field is empty. Raises Unfit."""
    if value is None or value == "":
        return None
    return TAKE[name](parsed(value, column, limits), column, limits)


def undeclared(checks: Mapping[str, Any]) -> str:
    """Why no model could be right: a call is expected of a tool that the case does not offer. Published sets do this,
    so it is worth saying and no reason to refuse them."""
    if "tools" not in checks:
        return ""
    declared = [each["function"]["name"] for each in checks["tools"]]
    for wanted in checks.get("expected_tool_calls", ()):
        if not any(same_name(wanted["name"], name) for name in declared):
            return f"the expected call names {wanted['name']!r}, which is not among the tools: no answer can be right"
    return ""
