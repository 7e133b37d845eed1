"""A chat completion passed on for somebody else: their request, the answer as the server gave it, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from experiments.endpoints.chat import OK, request_headers, status_error
from experiments.endpoints.client import GuardedClient
from experiments.endpoints.replies import first_choice, read_count, read_object, read_reason, told_error


@dataclass(frozen=True)
class Relayed:
    """`body` as it came, which is a chat completion; a filtered, truncated or empty one too."""

    body: bytes = field(repr=False)
    latency_ms: float
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str


def relay(
    client: GuardedClient,
    base_url: str,
    key: str,
    request: Mapping[str, Any],
    *,
    deadline_seconds: float,
    max_bytes: int,
) -> Relayed:
    """Raises CallError. Thread-safe; makes exactly one call and never repeats it."""
    answer = client.request(
        "POST",
        f"{base_url.rstrip('/')}/chat/completions",
        body=orjson.dumps(request),
        headers=request_headers(key),
        deadline_seconds=deadline_seconds,
        max_bytes=max_bytes,
    )
    if answer.status != OK:
        raise status_error(answer, key=key)
    reply = read_object(answer.body)
    if reply.get("error") and not reply.get("choices"):
        raise told_error(reply["error"], key=key)
    choice, found = first_choice(reply), reply.get("usage")
    usage = found if isinstance(found, dict) else {}
    return Relayed(
        body=answer.body,
        latency_ms=answer.elapsed_ms,
        input_tokens=read_count(usage.get("prompt_tokens")),
        output_tokens=read_count(usage.get("completion_tokens")),
        finish_reason=read_reason(choice.get("finish_reason")),
    )
