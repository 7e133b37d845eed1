"""Servers on loopback that a test can point a client at: one that counts who comes, one that says fixed bytes."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Listener:
    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def listening(
    parts: Sequence[bytes] = (ANSWER,),
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    pause: float = 0.0,
    closes: bool = False,
    greeting: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Listener]:
    """Answers each request with the parts, a pause after each; a connection is kept unless it closes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, port), family=family, backlog=64)
    server.settimeout(0.05)
    listener = Listener(port=server.getsockname()[1])
    over = threading.Event()

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            listener.connections += 1
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        try:
            connection.settimeout(5)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            connection.sendall(greeting)
            while (request := read_request(connection)) and not over.is_set():
                listener.requests.append(request)
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
                if closes:
                    return
        except OSError:
            return
        finally:
            connection.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        over.set()
        thread.join(2)
        server.close()


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    length = int(lines[0].partition(b":")[2]) if lines else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
