"""What is sent to a model for a case: pure, so that a prompt can be read without calling anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.endpoints import prompting
from experiments.endpoints.exchange import ChatRequest

# Parts of a request that `params` may hold although the protocol does not count them among its sampling parameters.
APART = ("tools", "response_format", "logprobs")
CHARACTERS_PER_TOKEN = 4
# Where nothing limits what a model may write.
TOKENS_WRITTEN = 500


@dataclass(frozen=True)
class AskedModel:
    """How a ModelVersion asks; `params` may hold tools, response_format and logprobs for all its cases."""

    model: str
    system_prompt: str = ""
    prompt_template: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AskedCase:
    prompt: str
    system: str = ""
    turns: Sequence[Mapping[str, Any]] = ()
    checks: Mapping[str, Any] = field(default_factory=dict)


def request_for(asked: AskedModel, case: AskedCase) -> ChatRequest:
    """A case's own tools and response format come before the model's."""
    params = asked.params
    return ChatRequest(
        model=asked.model,
        messages=messages_for(asked, case),
        params={name: value for name, value in params.items() if name not in APART},
        tools=case.checks.get("tools") or params.get("tools") or None,
        response_format=case.checks.get("response_format") or params.get("response_format") or None,
        logprobs=bool(params.get("logprobs")),
    )


def messages_for(asked: AskedModel, case: AskedCase) -> list[Mapping[str, Any]]:
    """One system message at most, since many servers refuse two: the model's instructions, then the case's.

    The case's stand elsewhere where a template says {system}.
    """
    values = {"prompt": case.prompt, "system": case.system}
    placed = "system" in prompting.places(asked.system_prompt) | prompting.places(asked.prompt_template)
    texts = [prompting.put(asked.system_prompt, values), "" if placed else case.system]
    system = "\n\n".join(text for text in texts if text)
    first: list[Mapping[str, Any]] = [{"role": "system", "content": system}] if system else []
    return [*first, *case.turns, {"role": "user", "content": filled(asked.prompt_template, case.prompt, case.system)}]


def filled(template: str, prompt: str, system: str = "") -> str:
    """A template without a place for the prompt stands before it."""
    return prompting.filled(template, {"prompt": prompt, "system": system})


def tokens_guessed(asked: AskedModel, cases: Sequence[AskedCase]) -> float:
    """What a call may take, before any answer says so: the text sent, and as much as the model may write."""
    most = asked.params.get("max_tokens", asked.params.get("max_completion_tokens"))
    written = most if isinstance(most, int) and most > 0 else TOKENS_WRITTEN
    lengths = [
        len(str(message.get("content") or "")) for case in cases for message in request_for(asked, case).messages
    ]
    return sum(lengths) / CHARACTERS_PER_TOKEN / max(len(cases), 1) + written
