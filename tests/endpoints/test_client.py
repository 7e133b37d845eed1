"""One exchange: its deadline, its size, its pool and its manners."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from experiments.endpoints import errors
from experiments.endpoints.addresses import Address, AllowList
from experiments.endpoints.client import Answer, GuardedClient
from experiments.endpoints.errors import CallError
from tests.endpoints.listening import ANSWER, listening


@pytest.fixture
def client() -> Iterator[GuardedClient]:
    with GuardedClient(AllowList.parse(["127.0.0.1"])) as made:
        yield made


def get(client: GuardedClient, url: str, *, seconds: float = 3, most: int = 1000) -> Answer:
    return client.request("GET", url, deadline_seconds=seconds, max_bytes=most)


def failed(
    client: GuardedClient, *parts: bytes, closes: bool = True, pause: float = 0.0, seconds: float = 3
) -> CallError:
    with listening(parts, closes=closes, pause=pause) as server, pytest.raises(CallError) as raised:
        get(client, server.url, seconds=seconds)
    return raised.value


def answered(client: GuardedClient, *parts: bytes, closes: bool = True) -> Answer:
    with listening(parts, closes=closes) as server:
        return get(client, server.url)


def test_a_connection_is_kept_for_the_next_call(client: GuardedClient) -> None:
    with listening() as server:
        for _ in range(5):
            assert get(client, server.url).body == b"ok"
        assert (server.connections, len(server.requests)) == (1, 5)


def test_threads_share_the_kept_connections_and_never_one_at_a_time(client: GuardedClient) -> None:
    bodies: list[bytes] = []
    with listening([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"ab", b"cd"], pause=0.005) as server:

        def call() -> None:
            bodies.extend(get(client, server.url).body for _ in range(10))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections <= 8
    assert bodies == [b"abcd"] * 80


def test_a_connection_the_server_closed_meanwhile_is_not_used_again(client: GuardedClient) -> None:
    with listening(closes=True) as server:
        get(client, server.url)
        time.sleep(0.05)
        get(client, server.url)
        assert (server.connections, len(server.requests)) == (2, 2)


def test_bytes_nobody_asked_for_end_a_connection(client: GuardedClient) -> None:
    """Else they would be taken for the answer to the next question."""
    with listening([ANSWER + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"]) as server:
        assert get(client, server.url).body == b"ok"
        assert get(client, server.url).body == b"ok"
        assert server.connections == 2


def test_a_call_is_never_repeated_by_the_client_itself(client: GuardedClient) -> None:
    with listening([b""], closes=True) as server:
        with pytest.raises(CallError) as raised:
            get(client, server.url)
        assert raised.value.error_class == errors.REFUSED
        assert len(server.requests) == 1


def test_a_forked_child_starts_with_connections_of_its_own(client: GuardedClient) -> None:
    with listening() as server:
        get(client, server.url)
        pid = os.getpid()
        client.process = pid + 1
        get(client, server.url)
        assert (client.process, server.connections) == (pid, 2)


def test_the_deadline_holds_for_a_server_that_says_nothing(client: GuardedClient) -> None:
    started = time.monotonic()
    error = failed(client, b"", closes=False, seconds=0.3)
    assert (error.error_class, error.is_retryable) == (errors.TIMEOUT, True)
    assert 0.25 < time.monotonic() - started < 2


def test_the_deadline_holds_for_a_server_that_drips(client: GuardedClient) -> None:
    """Each byte comes in time; the answer does not."""
    parts = [bytes([byte]) for byte in ANSWER]
    started = time.monotonic()
    error = failed(client, *parts, pause=0.05, seconds=0.4)
    assert error.error_class == errors.TIMEOUT
    assert time.monotonic() - started < 2


def test_the_deadline_holds_for_a_server_that_reads_nothing(client: GuardedClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(CallError) as raised:
            client.request("POST", url, body=b"x" * 30_000_000, deadline_seconds=0.3, max_bytes=10)
    assert raised.value.error_class == errors.TIMEOUT


def test_the_deadline_holds_for_a_name_server_that_says_nothing() -> None:
    silence = threading.Event()

    def resolver(host: str, port: int) -> list[Address]:
        silence.wait(5)
        return [ip_address("8.8.8.8")]

    started = time.monotonic()
    with pytest.raises(CallError) as raised:
        get(GuardedClient(resolver=resolver), "http://slow.example.com/", seconds=0.2)
    silence.set()
    assert raised.value.error_class == errors.TIMEOUT
    assert time.monotonic() - started < 2


def test_a_name_nobody_knows_is_a_class_of_its_own() -> None:
    def resolver(host: str, port: int) -> list[Address]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(CallError, match=r"nowhere\.example\.com is not known") as raised:
        get(GuardedClient(resolver=resolver), "http://nowhere.example.com/")
    assert (raised.value.error_class, raised.value.is_retryable) == (errors.DNS, True)


def test_a_closed_port_is_refused(client: GuardedClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CallError, match="Is it running") as raised:
        get(client, f"http://127.0.0.1:{port}/")
    assert raised.value.error_class == errors.REFUSED


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 1001\r\n\r\n",
        HEAD + b"Content-Length: 999999999999999\r\n\r\n",
        HEAD + b"\r\n" + b"x" * 1001,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n",
        HEAD + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n",
        HEAD + b"X: y\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 30_000 + b"\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nX: "
        + b"x" * 40_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    ],
)  # fmt: skip
def test_what_is_larger_than_allowed_is_not_read_to_its_end(client: GuardedClient, answer: bytes) -> None:
    error = failed(client, answer)
    assert (error.error_class, error.is_retryable) == (errors.TOO_LARGE, False)


def test_a_body_of_just_the_size_allowed_is_read(client: GuardedClient) -> None:
    assert len(answered(client, HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000).body) == 1000
    assert len(answered(client, HEAD + b"\r\n" + b"x" * 1000).body) == 1000


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.org ESMTP\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b" folded: yes\r\n\r\n",
        HEAD + b"name : value\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 1e3\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 2000 + b"\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nok",
        HEAD + b"Content-Length: 2",
    ],
)
def test_what_is_not_plain_http_is_malformed(client: GuardedClient, answer: bytes) -> None:
    assert failed(client, answer).error_class == errors.MALFORMED


@pytest.mark.parametrize(
    "answer",
    [b"", HEAD + b"Content-Length: 5\r\n\r\nok", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok"],
)
def test_an_answer_that_breaks_off_is_a_dropped_connection(client: GuardedClient, answer: bytes) -> None:
    error = failed(client, answer)
    assert (error.error_class, error.is_retryable) == (errors.REFUSED, True)


def test_what_http_allows_is_understood(client: GuardedClient) -> None:
    chunked = b"Transfer-Encoding: Chunked\r\n\r\n1;a=b\r\no\r\n1 \r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n"
    assert answered(client, HEAD + chunked).body == b"ok"
    assert answered(client, b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER).body == b"ok"
    assert answered(client, b"HTTP/1.1 204 No Content\r\n\r\n").body == b""
    assert answered(client, b"HTTP/1.0 200 OK\r\n\r\nok").body == b"ok"
    assert (
        answered(client, HEAD + b"content-length:2\r\nX-Twice: a\r\nx-twice: b\r\n\r\nok").headers["x-twice"] == "a, b"
    )
    assert answered(client, HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok").body == b"ok"


def test_the_request_names_the_host_and_asks_for_no_compression(client: GuardedClient) -> None:
    with listening() as server:
        client.request(
            "POST", f"{server.url}/v1/x?y=1", body=b"{}", headers={"X-A": "b"}, deadline_seconds=2, max_bytes=9
        )
    assert server.requests == [
        f"POST /v1/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept-Encoding: identity\r\n"
        "X-A: b\r\nContent-Length: 2\r\n\r\n{}".encode()
    ]


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\0b", "clé"])
def test_a_header_cannot_smuggle_another_and_its_value_is_not_told(client: GuardedClient, value: str) -> None:
    with listening() as server, pytest.raises(CallError) as raised:
        client.request("GET", server.url, headers={"Authorization": value}, deadline_seconds=2, max_bytes=9)
    assert value not in str(raised.value)
    assert server.connections == 0


def test_the_body_shows_in_no_repr() -> None:
    assert "secret" not in repr(Answer(status=200, headers={}, body=b"secret", elapsed_ms=1.0))
