"""Calls that a text holds among other words, where a model is watched for calls that it must not make."""

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from experiments.scorers.calls import Call, NoCalls, calls_in_python, read_calls
from experiments.scorers.tools import same_name

How = Literal["any", "json", "python"]

OBJECT = re.compile(r'\{\s*"')
NAMED = re.compile(r"(?<!\w)[A-Za-z_][\w.-]{0,127}+\(")
PARTS = re.compile(r'"(?:[^"\\]|\\.)*+"?|\'(?:[^\'\\]|\\.)*+\'?|[()\[\]{}]', re.DOTALL)
BARE = frozenset({"name", "id", "type"})
NAMESPACES = ("functions.", "default_api.", "tools.")
LONGEST_ARGUMENTS = 5_000  # characters of one call written as in Python
LEAST_WORK = 500_000
FAILURE, DEEP_FAILURE = 200, 10_000
"""What a start that leads nowhere takes, in characters read."""


def written_calls(text: str, how: How, known: Collection[str]) -> list[Call]:
    """The calls in the text, wherever they stand; never raises, and ends in linear time.

    known: names of tools. As JSON a call is an object with a name and arguments, or with the name of a tool. As in
    Python it is a call of a tool, or the whole text is nothing but calls.
    """
    found: list[Call] = []
    if how != "python":
        found += [call for item in _objects(text) for call in _calls_in(item, known)]
    if how != "json":
        found += list(_python_calls(text, known)) or _whole(text, how)
    return found


def _objects(text: str) -> Iterator[Any]:
    """Every JSON object that is not part of another."""
    left, at = LEAST_WORK + 2 * len(text), 0
    while left > 0 and (start := OBJECT.search(text, at)):
        try:
            value, at = DECODER.raw_decode(text, start.start())
            yield value
        except json.JSONDecodeError as error:
            at = start.start() + 1
            left -= FAILURE + error.pos - at
        except RecursionError:
            at = start.start() + 1
            left -= DEEP_FAILURE


def _calls_in(value: Any, known: Collection[str]) -> Iterator[Call]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, Mapping):
            if _is_call(item, known):
                yield from map(_plain, read_calls([item]))
            else:
                waiting += item.values()


def _is_call(item: Mapping[str, Any], known: Collection[str]) -> bool:
    inner = item.get("function", item)
    if not isinstance(inner, Mapping):
        return False
    name = inner.get("name")
    if not isinstance(name, str):
        only = str(next(iter(inner), ""))
        return len(inner) == 1 and isinstance(inner.get(only), Mapping) and _is_known(only, known)
    if "arguments" in inner:
        return True
    if "description" in inner:  # A tool that is told about, as requests list them, not called.
        return False
    return "parameters" in inner or _is_known(name, known) or (not known and BARE.issuperset(inner))


def _is_known(name: str, known: Collection[str]) -> bool:
    return any(same_name(one, _without_namespace(name)) for one in known)


def _plain(call: Call) -> Call:
    return Call(_without_namespace(call.name), call.arguments, call.problem)


def _without_namespace(name: str) -> str:
    return next((name.removeprefix(space) for space in NAMESPACES if name.startswith(space)), name)


def _whole(text: str, how: How) -> list[Call]:
    """The text as nothing but calls. Where Python was not asked for by name, `print(x)` is code, not a call."""
    try:
        return [_plain(call) for call in calls_in_python(text) if how == "python" or not call.problem]
    except NoCalls:
        return []


def _python_calls(text: str, known: Collection[str]) -> Iterator[Call]:
    left = LEAST_WORK + 2 * len(text)
    for named in NAMED.finditer(text):
        name = named[0][:-1]
        if not _is_known(name, known):
            continue
        arguments = _bracketed(text, named.end() - 1)
        left -= len(arguments) or LONGEST_ARGUMENTS
        if left < 0:
            return
        if arguments and _holds_values(arguments):
            yield _plain(_python_call(name, arguments))


def _python_call(name: str, arguments: str) -> Call:
    try:
        [call] = calls_in_python(f"call{arguments}")
    except NoCalls as error:
        return Call(name, {}, str(error))
    return Call(name, call.arguments, call.problem)


def _bracketed(text: str, start: int) -> str:
    """From the bracket to the one that closes it, empty where there is none."""
    depth = 0
    for part in PARTS.finditer(text, start, start + LONGEST_ARGUMENTS):
        depth += (part[0] in "([{") - (part[0] in ")]}")
        if depth == 0:
            return text[start : part.end()]
    return ""


def _holds_values(arguments: str) -> bool:
    """Not so in prose: `refund(s)`, `refund(…)`, `refund(the invoice)`."""
    try:
        call = ast.parse(f"call{arguments}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(call, ast.Call) and all(_is_value(node) for node in call.args)


def _is_value(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is not ...
    return isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.UnaryOp | ast.JoinedStr)


def _whole_number(digits: str) -> int | float:
    """More digits than Python reads, or shows, are no reason to overlook a call."""
    return int(digits) if len(digits) < 1_000 else float(digits)


DECODER = json.JSONDecoder(strict=False, parse_int=_whole_number)
