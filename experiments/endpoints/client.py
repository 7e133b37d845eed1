"""The guarded client: one exchange with another host, within its deadline and size, or a CallError that says why."""

import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Self

from experiments.endpoints import errors
from experiments.endpoints.addresses import Address, AllowList
from experiments.endpoints.dialing import dial, judged
from experiments.endpoints.errors import CallError
from experiments.endpoints.resolving import Resolver, system_resolver
from experiments.endpoints.targets import Target, parse
from experiments.endpoints.wire import Connection

IDLE_SECONDS = 20.0
MOST_IDLE = 64
REDIRECTS = range(300, 400)
FORBIDDEN_IN_HEADERS = ("\r", "\n", "\0")


@dataclass(frozen=True)
class Answer:
    """`headers` by lower-case name; `elapsed_ms` from the first byte sent to the last received."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    elapsed_ms: float


class GuardedClient:
    """Thread-safe; connections are kept for the next call to the same origin, and never across a fork."""

    def __init__(
        self,
        allow: AllowList | None = None,
        *,
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.allow = allow or AllowList()
        self.resolver = resolver
        self.tls = tls
        self.idle: dict[str, deque[tuple[Connection, float]]] = {}
        self.process = os.getpid()

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        deadline_seconds: float,
        max_bytes: int,
    ) -> Answer:
        """Raises CallError; whatever the status, except that a redirect is an error and never followed."""
        deadline = time.monotonic() + deadline_seconds
        target = parsed(url)
        payload = request_bytes(method, target, headers or {}, body)
        try:
            connection = self.connection(target, deadline)
            answer = self.exchange(connection, target, payload, deadline=deadline, max_bytes=max_bytes)
        except TimeoutError:
            raise CallError(errors.TIMEOUT, f"No complete answer within {deadline_seconds:g} seconds.") from None
        except OSError:
            raise CallError(errors.REFUSED, "The connection was dropped before there was an answer.") from None
        if answer.status in REDIRECTS:
            raise redirected(answer, target)
        return answer

    def exchange(
        self, connection: Connection, target: Target, payload: bytes, *, deadline: float, max_bytes: int
    ) -> Answer:
        """The connection goes back among the idle ones only when the answer was whole and nothing follows it."""
        reusable = False
        try:
            started = time.monotonic()
            connection.send(payload, deadline=deadline)
            head = connection.head()
            body = connection.body(head, max_bytes)
            elapsed_ms = (time.monotonic() - started) * 1000
            reusable = head.keeps_alive and not connection.buffer
            return Answer(status=head.status, headers=head.headers, body=body, elapsed_ms=elapsed_ms)
        finally:
            if reusable:
                self.keep(target, connection)
            else:
                connection.close()

    def connection(self, target: Target, deadline: float) -> Connection:
        if self.process != os.getpid():
            # Closing here gives up this process's own handle; the parent goes on with its connection.
            self.close()
            self.process = os.getpid()
        waiting = self.idle.get(target.origin)
        while waiting:
            try:
                connection, since = waiting.pop()
            except IndexError:
                break
            if time.monotonic() - since < IDLE_SECONDS and is_quiet(connection.sock):
                return connection
            connection.close()
        return Connection(self.dial(target, deadline))

    def judged(self, target: Target, *, seconds: float) -> list[Address]:
        return judged(target, allow=self.allow, resolver=self.resolver, seconds=seconds)

    def dial(self, target: Target, deadline: float) -> socket.socket:
        if target.scheme == "https" and self.tls is None:
            self.tls = ssl.create_default_context()
        return dial(target, allow=self.allow, resolver=self.resolver, tls=self.tls, deadline=deadline)

    def keep(self, target: Target, connection: Connection) -> None:
        waiting = self.idle.setdefault(target.origin, deque())
        if len(waiting) < MOST_IDLE:
            waiting.append((connection, time.monotonic()))
        else:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        """A client that nobody holds any more leaves no open sockets behind."""
        self.close()

    def close(self) -> None:
        for waiting in self.idle.values():
            while waiting:
                waiting.pop()[0].close()


@lru_cache(maxsize=256)
def parsed(url: str) -> Target:
    return parse(url)


def is_quiet(sock: socket.socket) -> bool:
    """Neither closed by the server nor filled with bytes nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)


def request_bytes(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target.path} HTTP/1.1", f"Host: {target.host_header}", "Accept-Encoding: identity"]
    for name, value in headers.items():
        if any(letter in name or letter in value for letter in FORBIDDEN_IN_HEADERS) or not value.isascii():
            raise CallError(errors.HTTP_4XX, f"The value of the header {name!r} holds a letter that cannot be sent.")
        lines.append(f"{name}: {value}")
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def redirected(answer: Answer, target: Target) -> CallError:
    """Where to is the server's own text, so it is not repeated."""
    where = "its https address" if is_its_tls(answer.headers.get("location", ""), target) else "another address"
    return CallError(
        errors.BLOCKED,
        f"The server redirects to {where} ({answer.status}), and redirects are not followed. "
        "Enter the address that answers itself.",
        status=answer.status,
    )


def is_its_tls(location: str, target: Target) -> bool:
    try:
        to = parse(location)
    except CallError:
        return False
    return (target.scheme, to.scheme, to.host) == ("http", "https", target.host)
