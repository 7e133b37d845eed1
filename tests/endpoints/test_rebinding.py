"""A name server that changes its mind, redirects, and an environment full of proxies reach the canary zero times."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from experiments.endpoints import dialing, errors
from experiments.endpoints.addresses import Address, AllowList
from experiments.endpoints.client import GuardedClient
from experiments.endpoints.errors import CallError
from tests.endpoints.listening import listening


class NameServer:
    """Answers each question with the next of its lists, and the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        return [ip_address(text) for text in answer]


def blocked(client: GuardedClient, url: str) -> CallError:
    with pytest.raises(CallError) as raised:
        client.request("POST", url, body=b"{}", deadline_seconds=2, max_bytes=1000)
    assert raised.value.error_class == errors.BLOCKED
    return raised.value


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2606:4700::1111", "::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["0.0.0.0"],
        ["fe80::1%lo"],
    ],
)
def test_a_name_with_one_inner_address_is_not_called_at_all(answer: list[str]) -> None:
    with listening() as canary:
        client = GuardedClient(resolver=NameServer(answer))
        blocked(client, f"http://rebind.example.com:{canary.port}/")
        assert canary.connections == 0


def test_the_judged_address_itself_is_dialled_so_a_second_answer_comes_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name says 8.8.8.8 when it is judged and 127.0.0.1 ever after."""
    dialled = []

    def instead(address: Address, port: int, seconds: float) -> None:
        dialled.append(str(address))
        raise ConnectionRefusedError

    monkeypatch.setattr(dialing, "connected", instead)
    with listening() as canary:
        server = NameServer(["8.8.8.8"], ["127.0.0.1"])
        client = GuardedClient(resolver=server)
        with pytest.raises(CallError) as raised:
            client.request("GET", f"http://rebind.example.com:{canary.port}/", deadline_seconds=2, max_bytes=1000)
        assert raised.value.error_class == errors.REFUSED
        assert (dialled, server.asked, canary.connections) == (["8.8.8.8"], 1, 0)
        blocked(client, f"http://rebind.example.com:{canary.port}/")
        assert (dialled, canary.connections) == (["8.8.8.8"], 0)


def test_a_kept_connection_never_serves_another_name_port_or_scheme() -> None:
    with listening() as allowed, listening() as canary:
        names = NameServer(["127.0.0.1"])
        with GuardedClient(AllowList.parse([f"good.example.com:{allowed.port}"]), resolver=names) as client:
            for _ in range(2):
                client.request("GET", f"http://good.example.com:{allowed.port}/", deadline_seconds=2, max_bytes=1000)
            blocked(client, f"http://evil.example.com:{allowed.port}/")
            blocked(client, f"http://good.example.com:{canary.port}/")
        assert (allowed.connections, canary.connections) == (1, 0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("header", ["Location", "Refresh", "Content-Location"])
def test_a_redirect_is_told_in_words_and_never_followed(status: int, header: str) -> None:
    with listening() as canary:
        redirect = f"HTTP/1.1 {status} Moved\r\n{header}: {canary.url}/?key=sk-canary\r\nContent-Length: 0\r\n\r\n"
        with (
            listening([redirect.encode()]) as server,
            GuardedClient(AllowList.parse([f"127.0.0.1:{server.port}", f"127.0.0.1:{canary.port}"])) as client,
        ):
            error = blocked(client, server.url)
        assert error.status == status
        assert "redirect" in error.detail
        assert "sk-canary" not in error.detail
        assert canary.connections == 0


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://127.0.0.1/v1", "its https address"),
        ("https://127.0.0.1.evil.org/", "another address"),
        ("http://127.0.0.1/v2", "another address"),
        ("/v2", "another address"),
    ],
)
def test_a_redirect_to_tls_says_so(location: str, words: str) -> None:
    redirect = f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    with listening([redirect.encode()]) as server, GuardedClient(AllowList.parse(["127.0.0.1"])) as client:
        assert words in blocked(client, server.url).detail


def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with listening() as proxy, listening() as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with GuardedClient(AllowList.parse(["127.0.0.1"])) as client:
            client.request("GET", server.url, deadline_seconds=2, max_bytes=1000)
        assert (proxy.connections, server.connections) == (0, 1)
        assert b"canary" not in server.requests[0]
        assert b"authorization" not in server.requests[0].lower()
