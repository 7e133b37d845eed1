"""The bytes the model server answers with: well-formed completions, and every way of spoiling one."""

import gzip
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SAID = re.compile(r"answer=(\S+)")
CALLED = re.compile(r"call=([\w.-]+)")
ARGUMENTS = re.compile(r"args=(\{.*\})")
WORDS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Server Error"}


@dataclass(frozen=True)
class Line:
    """What a model says to a prompt, word for word; `case` is what its calls are counted under."""

    case: str
    text: str
    tool_calls: Sequence[Mapping[str, Any]]

    @property
    def message(self) -> dict[str, Any]:
        calls = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": one["name"], "arguments": orjson.dumps(one["arguments"]).decode()},
            }
            for number, one in enumerate(self.tool_calls, start=1)
        ]
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        return message | ({"tool_calls": calls} if calls else {})


Script = Mapping[tuple[str, str], Line]
"""By model and prompt."""


def read_script(path: Path) -> Script:
    """Lines of JSON: model, prompt, case, text, tool_calls."""
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return {(row["model"], row["prompt"]): Line(row["case"], row["text"], row["tool_calls"]) for row in rows}


def slips(prompt: str) -> bool:
    """Whether the model `slips` gives no right answer: at about a third of the prompts, always the same ones."""
    return hashlib.md5(prompt.encode()).digest()[0] % 3 == 0


def answer_of(request: Mapping[str, Any], prompt: str, line: Line | None = None) -> dict[str, Any]:
    """A well-formed completion: the line of a script, else it echoes, says what it is told, or calls its tool."""
    said = SAID.search(prompt)
    text = said[1] if said else f"You said: {prompt[:200]}"
    if request.get("model") == "slips" and slips(prompt):
        text = "Nobody knows."
    message: dict[str, Any] = {"role": "assistant", "content": text}
    reason = "stop"
    called = CALLED.search(prompt)
    if request.get("tools") and (called or request.get("tool_choice") == "required" or not said):
        name = called[1] if called else request["tools"][0]["function"]["name"]
        arguments = ARGUMENTS.search(prompt)
        function = {"name": name, "arguments": arguments[1] if arguments else "{}"}
        message = {"role": "assistant", "content": None}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        reason = "tool_calls"
    if line:
        message, reason = line.message, "tool_calls" if line.tool_calls else "stop"
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    if request.get("logprobs") and message["content"]:
        tokens: list[dict[str, Any]] = [
            {"token": word, "logprob": -0.25, "bytes": None, "top_logprobs": []} for word in text.split()
        ]
        choice["logprobs"] = {"content": tokens, "refusal": None}
    n_in, n_out = len(prompt.split()), len(text.split())
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request.get("model", ""),
        "choices": [choice],
        "usage": {"prompt_tokens": n_in, "completion_tokens": n_out, "total_tokens": n_in + n_out},
    }


def told(status: int, body: bytes, extra: str = "", content_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} {WORDS.get(status, 'Told')}\r\nContent-Type: {content_type}\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def refused(status: int, message: str, extra: str = "") -> bytes:
    return told(status, orjson.dumps({"error": {"message": message, "type": "error", "code": None}}), extra)


def changed(reply: dict[str, Any], **changes: Any) -> bytes:
    """The completion with another message or finish reason."""
    choice = reply["choices"][0]
    if "finish_reason" in changes:
        choice["finish_reason"] = changes.pop("finish_reason")
    choice["message"] |= changes
    return told(200, orjson.dumps(reply))


def without_usage(reply: dict[str, Any]) -> bytes:
    return told(200, orjson.dumps({name: value for name, value in reply.items() if name != "usage"}))


def parts(reply: dict[str, Any]) -> bytes:
    text = reply["choices"][0]["message"]["content"]
    thought = {"type": "thinking", "thinking": "hm"}
    return changed(reply, content=[thought, {"type": "text", "text": text[:3]}, {"type": "text", "text": text[3:]}])


PAGE = b"<!DOCTYPE html><html><title>Welcome</title><p>A proxy says hello.</p></html>"
WHOLE: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "ok": lambda reply: told(200, orjson.dumps(reply)),
    "tools": lambda reply: told(200, orjson.dumps(reply)),
    "parts": parts,
    "no_usage": without_usage,
    "refusal": lambda reply: changed(reply, content=None, refusal="I cannot help with that."),
    "429": lambda reply: refused(429, "Rate limit reached"),
    "429_after": lambda reply: refused(429, "Rate limit reached", "Retry-After: 1\r\n"),
    "quota": lambda reply: told(429, b'{"error": {"message": "No quota left", "code": "insufficient_quota"}}'),
    "500": lambda reply: refused(500, "The model crashed"),
    "503": lambda reply: told(503, b"upstream gone", content_type="text/plain"),
    "400": lambda reply: refused(400, "temperature is not supported by this model"),
    "401": lambda reply: refused(401, "Incorrect API key provided"),
    "404": lambda reply: refused(404, "The model does not exist"),
    "error_in_200": lambda reply: told(200, orjson.dumps({"error": {"message": "upstream failed", "code": 502}})),
    "html": lambda reply: told(200, PAGE, content_type="text/html"),
    "wrong_json": lambda reply: told(200, b'{"result": {"choices": 3}}'),
    "broken_json": lambda reply: told(200, orjson.dumps(reply)[:-20]),
    "no_http": lambda reply: b"220 mail.example.org ESMTP\r\n\r\n",
    "gzip": lambda reply: told(200, gzip.compress(orjson.dumps(reply)), "Content-Encoding: gzip\r\n"),
    "nul": lambda reply: changed(reply, content="a\0b"),
    "null": lambda reply: changed(reply, content=None),
    "empty": lambda reply: changed(reply, content=""),
    "length": lambda reply: changed(reply, finish_reason="length"),
    "content_filter": lambda reply: changed(reply, finish_reason="content_filter", content=None),
    "big": lambda reply: changed(reply, content="x" * 5_000_000),
    "big_headers": lambda reply: told(200, orjson.dumps(reply), f"X-Long: {'x' * 100_000}\r\n"),
}
