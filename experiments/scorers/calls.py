"""Tool calls as endpoints, files and texts write them, read into one form."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.scorers.json_text import NotJson, read_json
from experiments.scorers.shown import shown

LONGEST_TEXT = 20_000  # characters of Python that are read as calls
QUOTES_AND_BRACKETS = "[]'"
AS_WRITTEN = "(as written)"


@dataclass(frozen=True)
class Call:
    """`problem` says why it could not be read; its name is then what could be made out."""

    name: str
    arguments: Mapping[str, Any]
    problem: str = ""

    @property
    def short(self) -> str:
        if self.problem:
            return f"{shown(self.name or 'a call')}: {self.problem}"
        listed = ", ".join(f"{name}={shown(value, 40)}" for name, value in list(self.arguments.items())[:6])
        return shown(f"{self.name}({listed}{', …' if len(self.arguments) > 6 else ''})")


class NoCalls(ValueError):
    """The text holds no calls that can be read; the message says why."""


def read_calls(raw: object) -> list[Call]:
    """The calls of a response; never raises.

    Read are {"name", "arguments"}, OpenAI's {"function": {"name", "arguments"}} and {name: arguments}, with
    arguments as an object or as JSON text. What is none of these is a call with a problem.
    """
    if raw is None:
        return []
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        return [Call("", {}, f"tool calls must be a list, not {shown(raw, 60)}")]
    return [_call(item) for item in raw]


def _call(item: object) -> Call:
    if isinstance(item, Mapping):
        inner = item.get("function")
        if isinstance(inner, Mapping):
            item = inner
        if isinstance(item.get("name"), str):
            return _with_arguments(item["name"], item.get("arguments", item.get("parameters")))
        if len(item) == 1:
            [(name, arguments)] = item.items()
            return _with_arguments(str(name), arguments)
    return Call("", {}, f"not a call: {shown(item, 60)}")


def _with_arguments(name: str, arguments: object) -> Call:
    if arguments is None or arguments == "":
        return Call(name, {})
    if isinstance(arguments, str):
        try:
            arguments = read_json(arguments)
        except NotJson as error:
            return Call(name, {AS_WRITTEN: arguments}, f"its arguments are {error}")
    if not isinstance(arguments, Mapping):
        return Call(name, {}, f"its arguments are no object: {shown(arguments, 60)}")
    return Call(name, arguments)


def calls_in_json(text: str) -> list[Call]:
    """Calls that a model without a tool interface wrote as JSON: a list of them, or one. Raises NoCalls."""
    try:
        value = read_json(text, "fenced")
    except NotJson as error:
        raise NoCalls(str(error)) from None
    return read_calls(value if isinstance(value, list) else [value])


def calls_in_python(text: str) -> list[Call]:
    """Calls written as in Python, `[f(a=1), g(b="x")]`, brackets optional. Nothing is executed. Raises NoCalls."""
    if len(text) > LONGEST_TEXT:
        raise NoCalls(f"more than {LONGEST_TEXT:,} characters are not read as calls")
    try:
        body = ast.parse(text.strip().strip(QUOTES_AND_BRACKETS).strip(), mode="eval").body
        nodes = body.elts if isinstance(body, ast.Tuple | ast.List) else [body]
        return [_python_call(node) for node in nodes]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoCalls("it is not written as calls") from None


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise NoCalls("it is not written as calls")
    name = ast.unparse(node.func)
    if node.args or any(keyword.arg is None for keyword in node.keywords):
        return Call(name, {}, "its arguments have no names")
    return Call(name, {str(keyword.arg): _python_value(keyword.value) for keyword in node.keywords})


def _python_value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value if isinstance(value, str | int | float | bool | None) else ast.unparse(node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_python_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {
                str(_python_value(key)): _python_value(value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
    return ast.unparse(node)
