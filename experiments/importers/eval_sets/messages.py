"""A case's conversation: what was said before, the prompt, and what a fine-tuning example answers to it.

As pairs read it, and besides with the tool calls that stand in it.
"""

from typing import Any, NamedTuple

from experiments.importers import conversation, values
from experiments.importers.eval_sets.case_checks import expected_tool_calls, settled
from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Unfit

KEPT = ("tool_calls", "tool_call_id", "name")


class Asked(NamedTuple):
    """`answer` and `calls` are those of the last message, where that is the assistant's."""

    system: str
    turns: list[dict[str, Any]]
    prompt: str
    answer: str = ""
    calls: list[dict[str, Any]] | None = None


def read(value: Any, column: str, limits: Limits) -> Asked:
    """Raises Unfit where there is no prompt."""
    if isinstance(value, str) and value[:1] == "[" and column.lower().endswith("messages"):
        value = conversation.cell_with_messages(value, column)
    if not isinstance(value, list):
        plain = conversation.read(value, column, limits)
        return Asked(plain.system, [], plain.prompt)
    if len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    turns = [turn(message, column, limits) for message in value]
    last = turns.pop() if turns and turns[-1]["role"] == "assistant" else {"content": ""}
    system = "\n\n".join(each["content"] for each in turns if each["role"] in conversation.SYSTEM_ROLES)
    turns = [each for each in turns if each["role"] not in conversation.SYSTEM_ROLES]
    if not turns or turns[-1]["role"] != "user":
        raise Unfit(Kind.MISSING, "the messages hold no user message to answer", column)
    prompt = turns.pop()["content"]
    if not prompt.strip():
        raise Unfit(Kind.BLANK, "the last user message is blank", column)
    calls = expected_tool_calls(last["tool_calls"], column, limits) if last.get("tool_calls") else None
    return Asked(system, turns, prompt, last["content"], calls)


def turn(message: Any, column: str, limits: Limits) -> dict[str, Any]:
    found: dict[str, Any] = {**conversation.turn(message, column, limits)}
    for name in KEPT:
        if message.get(name) is not None:
            values.sound(message[name], column, limits, limits.depth)
            found[name] = settled(message[name])
    return found
