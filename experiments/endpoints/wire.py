"""HTTP/1.1 on one socket, read strictly, under one deadline for the whole exchange."""

import re
import socket
import time
from dataclasses import dataclass

from experiments.endpoints import errors
from experiments.endpoints.errors import CallError

HEAD_LIMIT = 64 * 1024
LINE_LIMIT = 1024
RECEIVE = 64 * 1024
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
DECIMAL = re.compile(r"[0-9]{1,15}")
HEXADECIMAL = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?")
NO_BODY = {204, 304}
SWITCHING_PROTOCOLS = 101
FIRST_FINAL_STATUS = 200


@dataclass(frozen=True)
class Head:
    status: int
    headers: dict[str, str]
    keeps_alive: bool


def malformed(what: str, status: int | None = None) -> CallError:
    return CallError(errors.MALFORMED, f"The server's answer is not valid HTTP: {what}.", status=status)


class Connection:
    """Not shared: whoever holds it has one exchange at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.deadline = 0.0

    def close(self) -> None:
        self.sock.close()

    def send(self, payload: bytes, *, deadline: float) -> None:
        self.deadline = deadline
        view = memoryview(payload)
        while view:
            self.wait_no_longer_than_the_deadline()
            view = view[self.sock.send(view) :]

    def wait_no_longer_than_the_deadline(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)

    def receive(self) -> bool:
        """More bytes into the buffer; False at the end of the stream."""
        self.wait_no_longer_than_the_deadline()
        data = self.sock.recv(RECEIVE)
        self.buffer += data
        return bool(data)

    def head(self) -> Head:
        """The final answer's head; interim ones (100, 103) are passed over."""
        room = HEAD_LIMIT
        while True:
            block = self.head_block(room)
            room -= len(block)
            head = read_head(block)
            if head.status == SWITCHING_PROTOCOLS:
                raise malformed("it switches protocols")
            if head.status >= FIRST_FINAL_STATUS:
                return head

    def head_block(self, room: int) -> bytes:
        while (end := self.buffer.find(b"\r\n\r\n", 0, room)) < 0:
            if len(self.buffer) >= room:
                raise CallError(errors.TOO_LARGE, "The headers of the answer are longer than 64 KB.")
            if not self.receive():
                if not self.buffer:
                    raise ConnectionResetError
                raise malformed("it ends within its headers")
        block = bytes(self.buffer[:end])
        del self.buffer[: end + 4]
        return block

    def body(self, head: Head, limit: int) -> bytes:
        headers, status = head.headers, head.status
        if headers.get("content-encoding", "identity").lower() not in {"identity", ""}:
            raise malformed("it is compressed although that was not asked for", status)
        if status in NO_BODY:
            return b""
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
                raise malformed("its length is told in two ways", status)
            return self.chunked(limit, status)
        if (length := headers.get("content-length")) is not None:
            if not DECIMAL.fullmatch(length):
                raise malformed("its Content-Length is no number", status)
            if int(length) > limit:
                raise too_large(limit, status)
            return self.exactly(int(length), status)
        return self.until_close(limit, status)

    def exactly(self, length: int, status: int) -> bytes:
        while len(self.buffer) < length:
            if not self.receive():
                raise CallError(errors.REFUSED, "The connection was dropped within the answer.", status=status)
        part = bytes(self.buffer[:length])
        del self.buffer[:length]
        return part

    def line(self, status: int) -> bytes:
        while (end := self.buffer.find(b"\r\n", 0, LINE_LIMIT)) < 0:
            if len(self.buffer) >= LINE_LIMIT:
                raise malformed("a line between its chunks is too long", status)
            if not self.receive():
                raise CallError(errors.REFUSED, "The connection was dropped within the answer.", status=status)
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def chunked(self, limit: int, status: int) -> bytes:
        body = bytearray()
        while True:
            size = HEXADECIMAL.fullmatch(self.line(status))
            if size is None:
                raise malformed("a chunk has no length", status)
            length = int(size[1], 16)
            if length == 0:
                break
            if len(body) + length > limit:
                raise too_large(limit, status)
            body += self.exactly(length, status)
            if self.line(status):
                raise malformed("a chunk is longer than it says", status)
        room = HEAD_LIMIT
        while trailer := self.line(status):
            room -= len(trailer) + 2
            if room < 0:
                raise CallError(errors.TOO_LARGE, "The headers of the answer are longer than 64 KB.", status=status)
        return bytes(body)

    def until_close(self, limit: int, status: int) -> bytes:
        while self.receive():
            if len(self.buffer) > limit:
                raise too_large(limit, status)
        if len(self.buffer) > limit:
            raise too_large(limit, status)
        body = bytes(self.buffer)
        self.buffer.clear()
        return body


def too_large(limit: int, status: int) -> CallError:
    return CallError(errors.TOO_LARGE, f"The answer is larger than the {limit:,} bytes allowed.", status=status)


def read_head(block: bytes) -> Head:
    first, *lines = block.split(b"\r\n")
    found = STATUS_LINE.fullmatch(first)
    if found is None:
        raise malformed("its first line is not that of HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not HEADER_NAME.fullmatch(name):
            raise malformed("a header is not of the form name: value")
        name, value = name.lower(), value.strip(" \t")
        if name in headers and (name != "content-length" or headers[name] != value):
            value = f"{headers[name]}, {value}"
        headers[name] = value
    words = headers.get("connection", "").lower()
    keeps_alive = "close" not in words if found[1] == b"1" else "keep-alive" in words
    measured = "content-length" in headers or "transfer-encoding" in headers or int(found[2]) in NO_BODY
    return Head(status=int(found[2]), headers=headers, keeps_alive=keeps_alive and measured)
