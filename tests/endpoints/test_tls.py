"""The certificate must be good for the host of the URL, whatever address was dialled."""

import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest

from experiments.endpoints import errors
from experiments.endpoints.addresses import Address, AllowList
from experiments.endpoints.client import Answer, GuardedClient
from experiments.endpoints.errors import CallError
from tests.endpoints.certificates import Authority
from tests.endpoints.listening import Listener, listening

HOST = "api.example.com"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def here(host: str, port: int) -> list[Address]:
    return [ip_address("127.0.0.1")]


def call(server: Listener, *, host: str = HOST, tls: ssl.SSLContext | None = None, times: int = 1) -> Answer:
    with GuardedClient(AllowList.parse(["127.0.0.1"]), resolver=here, tls=tls) as client:
        for _ in range(times):
            answer = client.request("GET", f"https://{host}:{server.port}/", deadline_seconds=3, max_bytes=99)
    return answer


def refusal(server: Listener, **options: object) -> str:
    with pytest.raises(CallError) as raised:
        call(server, **options)  # type: ignore[arg-type]
    assert raised.value.error_class == errors.REFUSED
    assert server.requests == []
    return raised.value.detail


def test_the_host_is_named_in_the_handshake_and_the_connection_kept(authority: Authority) -> None:
    asked: list[str | None] = []
    tls = authority.server([HOST])
    tls.sni_callback = lambda socket, name, context: asked.append(name)
    with listening(tls=tls) as server:
        assert call(server, tls=authority.client(), times=3).body == b"ok"
        assert (server.connections, asked) == (1, [HOST])


def test_an_address_is_verified_as_an_address(authority: Authority) -> None:
    with listening(tls=authority.server(["127.0.0.1"])) as server:
        assert call(server, host="127.0.0.1", tls=authority.client()).body == b"ok"


def test_a_certificate_for_another_host_is_not_accepted(authority: Authority) -> None:
    with listening(tls=authority.server(["127.0.0.1", "localhost", "*.com"])) as server:
        assert "Hostname mismatch" in refusal(server, tls=authority.client())


def test_a_certificate_of_an_unknown_authority_is_not_accepted(authority: Authority) -> None:
    with listening(tls=authority.server([HOST])) as server:
        assert "was not accepted" in refusal(server)


def test_a_certificate_past_its_day_is_not_accepted(authority: Authority) -> None:
    with listening(tls=authority.server([HOST], days=-1)) as server:
        assert "expired" in refusal(server, tls=authority.client())


def test_a_server_without_tls_is_told_so(authority: Authority) -> None:
    with (
        listening(greeting=b"220 mail.example.org ESMTP\r\n") as server,
        pytest.raises(CallError, match="does not speak TLS") as raised,
    ):
        call(server, tls=authority.client())
    assert raised.value.error_class == errors.REFUSED


def test_a_handshake_that_never_ends_ends_at_the_deadline() -> None:
    with listening([b""]) as server:
        client = GuardedClient(AllowList.parse(["127.0.0.1"]), resolver=here)
        with pytest.raises(CallError) as raised:
            client.request("GET", f"https://{HOST}:{server.port}/", deadline_seconds=0.3, max_bytes=99)
    assert raised.value.error_class == errors.TIMEOUT
