"""A site that clients speak to, and a model server: it answers as it is told, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.clients.vectors import CLIENTS

PLAN = {
    "experiment": "bot",
    "running": True,
    "status": "running",
    "unit": "user",
    "routing": {"version": 2, "salt": "s", "buckets": 10_000, "split": 0.5},
    "segments": ["country"],
    "plan_sha256": "ab" * 32,
    "started_at": "2026-03-02T09:00:00Z",
}

COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}


@dataclass
class Told:
    """What is answered. `drop`: the connection ends without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


def accept_all(events: list[dict[str, Any]]) -> Told:
    return Told(202, {"results": [{"event_id": one["event_id"], "status": "accepted", "reason": ""} for one in events]})


class Receiver:
    """`script`: answers to the next event requests, in order; after them every event is accepted."""

    def __init__(self) -> None:
        self.script: list[Told] = []
        self.plan: Told = Told(200, PLAN)
        self.batches: list[list[dict[str, Any]]] = []
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.take: Callable[[list[dict[str, Any]]], Told] = accept_all
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.give(receiver.got(self.path, self.headers.get("Authorization", ""), None))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.give(receiver.got(self.path, self.headers.get("Authorization", ""), body))

            def give(self, told: Told) -> None:
                if told.drop:
                    self.close_connection = True
                    return
                is_text = isinstance(told.body, str)
                body = told.body.encode() if is_text else json.dumps(told.body).encode()
                self.send_response(told.status)
                for name, value in {"Content-Length": str(len(body)), **told.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name of the base class
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def got(self, path: str, token: str, body: Any) -> Told:
        with self.lock:
            self.asked.append(path)
            if path.startswith("/api/"):
                self.tokens.add(token)
            if path == "/evalsite-client.js":
                text = (CLIENTS / "javascript" / "evalsite-client.js").read_text()
                return Told(200, text, {"Content-Type": "text/javascript"})
            if path.endswith("/plan"):
                return self.plan
            if path.endswith("/assign"):
                return self.assigned(body)
            if path.endswith("/chat/completions"):
                return Told(200, COMPLETION)
            if path.endswith("/events"):
                self.batches.append(body)
                return self.script.pop(0) if self.script else self.take(body)
            return Told(200, "<!doctype html><link rel=icon href=data:,>", {"Content-Type": "text/html"})

    def assigned(self, body: dict[str, Any]) -> Told:
        found = [
            {"unit_id": unit, "arm": "treatment", "bucket": 1, "exposed_at": "2026-03-02T09:00:00Z"}
            for unit in body["unit_ids"]
        ]
        return Told(200, {"experiment": body["experiment"], "running": True, "assignments": found})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
