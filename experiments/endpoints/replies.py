"""Reading the answer of a chat completion: many servers speak the protocol, and each has its own idea of it."""

import math
from typing import Any

import orjson

from experiments.endpoints import errors
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer
from experiments.endpoints.masking import masked

LARGEST_COUNT = 2**31 - 1
LONGEST_REASON = 50
TOO_MANY_REQUESTS = 429


def read_reply(body: bytes, *, latency_ms: float, key: str) -> ChatAnswer:
    """Raises CallError: malformed, or empty, filtered and truncated with the answer."""
    reply = read_object(body)
    if reply.get("error") and not reply.get("choices"):
        raise told_error(reply["error"], key=key)
    choice = first_choice(reply)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise malformed("its first choice has no message")
    text, refusal = read_text(message), message.get("refusal")
    refused = isinstance(refusal, str) and bool(refusal) and not text
    found = reply.get("usage")
    usage = found if isinstance(found, dict) else {}
    logprobs_sum, logprobs_n = read_logprobs(choice.get("logprobs"))
    answer = ChatAnswer(
        text=str(refusal) if refused else text,
        tool_calls=read_tool_calls(message),
        finish_reason="refusal" if refused else read_reason(choice.get("finish_reason")),
        input_tokens=read_count(usage.get("prompt_tokens")),
        output_tokens=read_count(usage.get("completion_tokens")),
        logprobs_sum=logprobs_sum,
        logprobs_n=logprobs_n,
        latency_ms=latency_ms,
    )
    refuse_what_cannot_be_stored(answer)
    return usable(answer)


def usable(answer: ChatAnswer) -> ChatAnswer:
    if answer.finish_reason == "content_filter":
        raise CallError(errors.FILTERED, "The server's content filter held the answer back.", answer=answer)
    if answer.finish_reason == "length":
        raise CallError(errors.TRUNCATED, "The answer was cut off at the length limit (max_tokens).", answer=answer)
    if not answer.text.strip() and not answer.tool_calls:
        raise CallError(errors.EMPTY, "The model answered with no text and no tool call.", answer=answer)
    return answer


def malformed(what: str) -> CallError:
    return CallError(errors.MALFORMED, f"The answer is not a chat completion: {what}.", status=200)


def read_object(body: bytes) -> dict[str, Any]:
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        start = body[:200].lstrip().lower()
        if start.startswith((b"<!doctype", b"<html", b"<")):
            raise malformed("it is a web page. Is the base URL right? It often ends in /v1") from None
        if start.startswith(b"data:"):
            raise malformed("it is a stream of events, which was not asked for") from None
        raise malformed("it is not valid JSON" if start else "its body is empty") from None
    if not isinstance(reply, dict):
        raise malformed("it is JSON, but no object")
    return reply


def first_choice(reply: dict[str, Any]) -> dict[str, Any]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise malformed("it has no choices")
    choice: dict[str, Any] = choices[0]
    return choice


def told_error(error: Any, *, key: str) -> CallError:
    """Some gateways answer 200 and put the model's own failure into the body."""
    code = error.get("code") if isinstance(error, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    said = f": “{masked(message, key=key)}”." if isinstance(message, str) and message else "."
    if type(code) is int and code == TOO_MANY_REQUESTS:
        return CallError(errors.RATE_LIMITED, f"Too many requests, says the body{said}", status=code)
    if type(code) is int and 400 <= code < 600:
        error_class = errors.HTTP_4XX if code < 500 else errors.HTTP_5XX
        return CallError(error_class, f"The body of the answer tells an error {code}{said}", status=code)
    return CallError(errors.MALFORMED, f"The answer is an error in place of a completion{said}", status=200)


def read_text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise malformed("its content is neither text nor a list of parts")
    return "".join(read_part(part) for part in content)


def read_part(part: Any) -> str:
    """Text and refusals; thoughts and other kinds of parts are no part of the answer."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise malformed("a part of its content is no object")
    if part.get("type") not in {"text", "output_text", "refusal"}:
        return ""
    text = part.get("text", part.get("refusal"))
    if not isinstance(text, str):
        raise malformed("a part of its content has no text")
    return text


def read_tool_calls(message: dict[str, Any]) -> list[dict[str, Any]] | None:
    calls = message.get("tool_calls")
    if calls is None and isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    if not calls:
        return None
    if not isinstance(calls, list):
        raise malformed("its tool calls are no list")
    return [read_tool_call(call) for call in calls]


def read_tool_call(call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise malformed("a tool call names no function")
    arguments = function.get("arguments")
    if arguments is None:
        arguments = "{}"
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments).decode()
    name = call.get("id")
    return {
        "id": name if isinstance(name, str) else "",
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def read_reason(reason: Any) -> str:
    return reason[:LONGEST_REASON] if isinstance(reason, str) else ""


def read_count(count: Any) -> int | None:
    return count if type(count) is int and 0 <= count <= LARGEST_COUNT else None


def read_logprobs(logprobs: Any) -> tuple[float | None, int | None]:
    """None unless every token has its number: a sum over some of them would look like a better model."""
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(tokens, list) or not tokens:
        return None, None
    values = [token["logprob"] for token in tokens if is_measured(token)]
    if len(values) < len(tokens):
        return None, None
    try:
        return math.fsum(values), len(values)
    except OverflowError:
        return None, None


def is_measured(token: Any) -> bool:
    value = token.get("logprob") if isinstance(token, dict) else None
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def refuse_what_cannot_be_stored(answer: ChatAnswer) -> None:
    texts = [answer.text, answer.finish_reason]
    for call in answer.tool_calls or []:
        texts += [call["id"], call["function"]["name"], call["function"]["arguments"]]
    if any("\0" in text for text in texts):
        raise malformed("it holds a NUL character, which cannot be stored")
