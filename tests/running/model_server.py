"""A local server that speaks OpenAI's chat completions and misbehaves on command (see `misbehaviour.py`).

In a test: `with ModelServer() as server: … server.base_url, server.calls("q1")`.
As a process: `python -m tests.running.model_server --port 0`; it prints its base URL, and `/calls` tells what it saw.
A prompt may hold `case=ID` (under which calls are counted), `answer=TEXT` (said in reply), `call=TOOL` and `args={…}`,
`wait=MS`, and `behave=KIND` or `behave=KIND*N`. With a script it says what stands there.
"""

import argparse
import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from tests.running.misbehaviour import Plan, plan_for
from tests.running.model_answers import PAGE, SAID, WHOLE, Script, answer_of, read_script, refused, told

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
AUTHORIZATION = re.compile(rb"\r\nauthorization: *([^\r\n]*)", re.IGNORECASE)
MARKER = re.compile(r"case=([\w.:-]+)")
WAIT = re.compile(r"wait=(\d+)")
MODELS = ["instant", "mix", "plain", "logprobs"]


class Record:
    """What was asked, and how often, for the tests that count."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.per_case: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.authorizations: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.in_flight = self.most_in_flight = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.per_case.total(),
            "calls": dict(self.per_case),
            "kinds": dict(self.kinds),
            "most_in_flight": self.most_in_flight,
            "authorizations": sorted(self.authorizations),
        }


class Speaker(asyncio.Protocol):
    """One connection, parsed by hand: a request a test makes is small, whole and well-formed."""

    def __init__(self, server: "ModelServer") -> None:
        self.server = server
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.transports.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            found = LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
            self.server.serve(self, head, body)

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)


class ModelServer:
    def __init__(
        self,
        *,
        port: int = 0,
        key: str = "",
        wait_ms: int = 0,
        keep_bodies: bool = True,
        script: Script | None = None,
    ) -> None:
        self.port = port
        self.key = key
        self.wait_ms = wait_ms
        self.keep_bodies = keep_bodies
        self.script = script or {}
        self.record = Record()
        self.transports: set[asyncio.Transport] = set()
        self.loop = asyncio.new_event_loop()
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run, name="model server", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def calls(self, marker: str) -> int:
        return self.record.per_case[marker]

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            self.loop.create_server(lambda: Speaker(self), "127.0.0.1", self.port, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        self.loop.run_forever()
        server.close()
        for transport in list(self.transports):
            transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def __enter__(self) -> Self:
        self.thread.start()
        self.started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def serve(self, speaker: Speaker, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/v1/chat/completions":
            self.complete(speaker, head, body)
        elif path == b"/v1/models":
            listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]}
            speaker.write(told(200, orjson.dumps(listed)))
        elif path == b"/calls":
            speaker.write(told(200, orjson.dumps(self.record.as_json())))
        elif path == b"/reset":
            self.record.clear()
            speaker.write(told(200, b"{}"))
        else:
            speaker.write(told(404, PAGE, content_type="text/html"))

    def complete(self, speaker: Speaker, head: bytes, body: bytes) -> None:
        request = orjson.loads(body)
        prompt = text_of(request)
        marker = self.marker_of(request["model"], prompt)
        record = self.record
        record.per_case[marker] += 1
        record.times.append(time.monotonic())
        if self.keep_bodies:
            record.bodies.append(request)
        sent = AUTHORIZATION.search(head)
        authorization = sent[1].decode("latin-1") if sent else ""
        if authorization:
            record.authorizations.add(authorization)
        if self.key and authorization != f"Bearer {self.key}":
            speaker.write(refused(401, f"Incorrect API key provided: {authorization}"))
            return
        plan = plan_for(model=request["model"], prompt=prompt, marker=marker)
        if record.per_case[marker] > plan.times:
            plan = Plan("ok")
        record.kinds[plan.kind] += 1
        wait = WAIT.search(prompt)
        wait_ms = int(wait[1]) if wait else self.wait_ms or 300 * (plan.kind == "slow")
        if wait_ms:
            record.in_flight += 1
            record.most_in_flight = max(record.most_in_flight, record.in_flight)
            self.loop.call_later(wait_ms / 1000, self.reply_late, speaker, plan, request, prompt, authorization)
        else:
            self.reply(speaker, plan, request, prompt, authorization)

    def marker_of(self, model: str, prompt: str) -> str:
        if line := self.script.get((model, prompt)):
            return f"{model}:{line.case}"
        found = MARKER.search(prompt)
        return found[1] if found else ""

    def reply_late(self, speaker: Speaker, *rest: Any) -> None:
        self.record.in_flight -= 1
        self.reply(speaker, *rest)

    def reply(self, speaker: Speaker, plan: Plan, request: dict[str, Any], prompt: str, authorization: str) -> None:
        if (answer := refused_by_model(request)) is not None:
            speaker.write(answer)
            return
        reply = answer_of(request, prompt, self.script.get((request["model"], prompt)))
        if plan.kind in WHOLE or plan.kind == "slow":
            speaker.write(WHOLE.get(plan.kind, WHOLE["ok"])(reply))
        elif plan.kind == "echo_key":
            speaker.write(refused(400, f"You sent the header Authorization: {authorization} and this prompt: {prompt}"))
        elif plan.kind == "redirect":
            where = SAID.search(prompt)
            speaker.write(told(302, b"", f"Location: {where[1] if where else '/v1/other'}\r\n"))
        else:
            self.trouble(speaker, plan.kind, WHOLE["ok"](reply))

    def trouble(self, speaker: Speaker, kind: str, whole: bytes) -> None:
        """What needs more than one write, or none."""
        head_end = whole.find(b"\r\n\r\n") + 4
        if kind == "drop":
            speaker.transport.abort()
        elif kind == "drop_within":
            speaker.write(whole[: head_end + 20])
            self.loop.call_later(0.02, speaker.transport.close)
        elif kind == "hang_after_headers":
            speaker.write(whole[:head_end])
        elif kind == "drip":
            self.drip(speaker, whole, 0)
        elif kind == "endless":
            speaker.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.pour(speaker)

    def drip(self, speaker: Speaker, whole: bytes, place: int) -> None:
        if place < len(whole) and not speaker.transport.is_closing():
            speaker.write(whole[place : place + 1])
            self.loop.call_later(1.0, self.drip, speaker, whole, place + 1)

    def pour(self, speaker: Speaker) -> None:
        if not speaker.transport.is_closing():
            speaker.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            self.loop.call_later(0.001, self.pour, speaker)


def text_of(request: Mapping[str, Any]) -> str:
    content = request["messages"][-1]["content"] if request.get("messages") else ""
    return content if isinstance(content, str) else orjson.dumps(content).decode()


def refused_by_model(request: Mapping[str, Any]) -> bytes | None:
    """The model `plain` knows neither tools nor logprobs and says so."""
    if request.get("model") != "plain":
        return None
    if request.get("tools"):
        return refused(400, "This model does not support tools")
    if request.get("logprobs"):
        return refused(400, "This model does not support logprobs")
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="", help="refuse every other key")
    parser.add_argument("--wait-ms", type=int, default=0, help="before every answer")
    parser.add_argument("--script", type=Path, help="what each model says to each prompt")
    told_ = parser.parse_args()
    script = read_script(told_.script) if told_.script else None
    server = ModelServer(port=told_.port, key=told_.key, wait_ms=told_.wait_ms, keep_bodies=False, script=script)
    with server:
        print(server.base_url, flush=True)
        server.thread.join()


if __name__ == "__main__":
    main()
