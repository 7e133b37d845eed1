"""One chat completion from an OpenAI-compatible endpoint, or a CallError of the class that is counted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from experiments.endpoints import errors
from experiments.endpoints.client import Answer, GuardedClient
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer, ChatRequest
from experiments.endpoints.masking import masked
from experiments.endpoints.replies import read_reply

OK = 200
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT, TOO_MANY_REQUESTS = 401, 403, 404, 408, 429
OUT_OF_QUOTA = "insufficient_quota"
LONGEST_REST_SECONDS = 24 * 3600.0
WORDS = {
    UNAUTHORIZED: "The server does not accept the key (401).",
    FORBIDDEN: "The server forbids this call (403). The key may not be meant for this model.",
    NOT_FOUND: "Nothing is at this address (404). Look at the base URL, which often ends in /v1, and the model's name.",
    TOO_MANY_REQUESTS: "Too many requests (429).",
}


def chat(
    client: GuardedClient, base_url: str, key: str, request: ChatRequest, *, deadline_seconds: float, max_bytes: int
) -> ChatAnswer:
    """Raises CallError. Thread-safe; makes exactly one call and never repeats it."""
    answer = client.request(
        "POST",
        f"{base_url.rstrip('/')}/chat/completions",
        body=request_body(request),
        headers=request_headers(key),
        deadline_seconds=deadline_seconds,
        max_bytes=max_bytes,
    )
    if answer.status != OK:
        raise status_error(answer, key=key)
    return read_reply(answer.body, latency_ms=answer.elapsed_ms, key=key)


def request_body(request: ChatRequest) -> bytes:
    body: dict[str, Any] = {"model": request.model, "messages": list(request.messages), **request.params}
    if request.tools:
        body["tools"] = list(request.tools)
    if request.response_format:
        body["response_format"] = request.response_format
    if request.logprobs:
        body["logprobs"] = True
    return orjson.dumps(body)


def request_headers(key: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "evalsite"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return headers


def status_error(answer: Answer, *, key: str) -> CallError:
    status = answer.status
    if status == TOO_MANY_REQUESTS:
        # An empty account answers 429 too, and no waiting fills it.
        error_class = errors.HTTP_4XX if error_code(answer.body) == OUT_OF_QUOTA else errors.RATE_LIMITED
    elif status == REQUEST_TIMEOUT:
        error_class = errors.TIMEOUT
    elif 400 <= status < 500:
        error_class = errors.HTTP_4XX
    elif status >= 500:
        error_class = errors.HTTP_5XX
    else:
        error_class = errors.MALFORMED
    words = WORDS.get(status, f"The server answered with status {status}.")
    said = said_in(answer.body, key=key) if status not in {UNAUTHORIZED, FORBIDDEN} else ""
    return CallError(
        error_class,
        f"{words} It says: “{said}”." if said else words,
        status=status,
        retry_after=retry_after(answer.headers, now=datetime.now(UTC)),
    )


def error_code(body: bytes) -> Any:
    error = error_object(body)
    return error.get("code") if isinstance(error, dict) else None


def error_object(body: bytes) -> Any:
    """The protocol's error object; None where there is none."""
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return reply.get("error", reply) if isinstance(reply, dict) else None


def said_in(body: bytes, *, key: str) -> str:
    """The message of the protocol's error object, masked; a server that refuses a key repeats it there, so not then."""
    error = error_object(body)
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return masked(message, key=key) if isinstance(message, str) else ""


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to rest, told as a number (some say fractions or milliseconds) or as a date."""
    if milliseconds := seconds_in(headers.get("retry-after-ms", "")):
        return milliseconds / 1000
    word = headers.get("retry-after", "")
    if (seconds := seconds_in(word)) is not None:
        return seconds
    try:
        at = parsedate_to_datetime(word)
    except (ValueError, OverflowError):
        return None
    left = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(left, 0.0), LONGEST_REST_SECONDS)


def seconds_in(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return min(number, LONGEST_REST_SECONDS) if number >= 0 else None


__all__ = ["ChatAnswer", "ChatRequest", "chat"]
