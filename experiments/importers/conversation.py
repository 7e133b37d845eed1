"""A prompt, given as text or as chat messages."""

from typing import Any, NamedTuple

import orjson

from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Unfit
from experiments.importers.values import content, text

SYSTEM_ROLES = {"system", "developer"}
ROLES = SYSTEM_ROLES | {"user", "assistant", "tool", "function"}


class Conversation(NamedTuple):
    """The last user message is the prompt; what the assistant said after it is `answer`."""

    system: str
    turns: list[dict[str, str]]
    prompt: str
    answer: str = ""


def read(value: Any, column: str, limits: Limits) -> Conversation:
    """Raises Unfit where there is no prompt."""
    if type(value) is str and not (value[:1] == "[" and column.lower().endswith("messages")):
        prompt = text(value, column, limits.text)
        if not prompt.strip():
            raise Unfit(Kind.BLANK, "the prompt is blank", column)
        return Conversation("", [], prompt)
    if value is None:
        raise Unfit(Kind.MISSING, "the prompt is missing", column)
    if isinstance(value, str):
        value = cell_with_messages(value, column)
    if isinstance(value, list):
        return from_messages(value, column, limits)
    return Conversation("", [], text(value, column, limits.text))


def cell_with_messages(value: str, column: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unfit(Kind.BAD_JSON, f"the messages are not valid JSON: {error.msg}", column) from None


def from_messages(messages: list[Any], column: str, limits: Limits) -> Conversation:
    turns = [turn(message, column, limits) for message in messages]
    answer = turns.pop()["content"] if turns and turns[-1]["role"] == "assistant" else ""
    system = "\n\n".join(each["content"] for each in turns if each["role"] in SYSTEM_ROLES)
    turns = [each for each in turns if each["role"] not in SYSTEM_ROLES]
    if not turns or turns[-1]["role"] != "user":
        raise Unfit(Kind.MISSING, "the messages hold no user message to answer", column)
    prompt = turns.pop()["content"]
    if not prompt.strip():
        raise Unfit(Kind.BLANK, "the last user message is blank", column)
    return Conversation(system, turns, prompt, answer)


def turn(message: Any, column: str, limits: Limits) -> dict[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in ROLES:
        raise Unfit(Kind.WRONG_TYPE, "each message is an object with a role (system, user, assistant)", column)
    return {"role": role, "content": text(content(message.get("content"), column), column, limits.text)}
