"""What is asked of a model and what it says: OpenAI's chat completions, reduced to what a benchmark needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ChatRequest:
    """`params` are sent as they are (temperature, max_tokens, top_p, seed, stop, …)."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    params: Mapping[str, Any] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Any]] | None = None
    response_format: Mapping[str, Any] | None = None
    logprobs: bool = False


@dataclass(frozen=True)
class ChatAnswer:
    """What a model said.

    `tool_calls` is in OpenAI's shape (`{"id", "type": "function", "function": {"name", "arguments": "<JSON>"}}`), None
    where it made none; `logprobs_sum` in nats over `logprobs_n` tokens; `latency_ms` from the first byte sent to the
    last received, without connecting, queueing and retries.
    """

    text: str
    tool_calls: list[dict[str, Any]] | None
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    logprobs_sum: float | None
    logprobs_n: int | None
    latency_ms: float
