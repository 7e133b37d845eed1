"""No spelling of an inner address gets through, and a listening canary hears nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.endpoints import errors
from experiments.endpoints.addresses import Address, AllowList, BadAllowList, special_kind
from experiments.endpoints.client import GuardedClient
from experiments.endpoints.errors import CallError
from tests.endpoints.listening import Listener, listening

# Each with {port} where the canary listens. Names that only a resolver could judge are in test_rebinding.py.
SPELLINGS = [
    # loopback
    "http://127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://127.255.255.254:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{port}/",
    # decimal, octal, hexadecimal and short forms of it
    "http://2130706433:{port}/",
    "http://02130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0X7F000001:{port}/",
    "http://017700000001:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127.0.0.01:{port}/",
    "http://127.000.000.001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0x7f.1:{port}/",
    "http://127.0x0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.0.0.0x1:{port}/",
    "http://127.0.0.1.0x:{port}/",
    "http://127.0.0.256:{port}/",
    "http://127.0.0.1.1:{port}/",
    "http://2130706433.:{port}/",
    "http://4294967297:{port}/",
    # percent-encoded, other digits and dots of Unicode, letters in circles
    "http://%31%32%37.0.0.1:{port}/",
    "http://127%2e0%2e0%2e1:{port}/",
    "http://127.0.0.1%00.example.com:{port}/",
    "http://loc%61lhost:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://127。0。0。1:{port}/",
    "http://127．0．0．1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://١٢٧.0.0.1:{port}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "http://ⅼocalhost:{port}/",
    # user info, and parsers that disagree
    "http://user@127.0.0.1:{port}/",
    "http://user:word@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@example.com/",
    "http://example.com:80@127.0.0.1:{port}/",
    "http://example.com#@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://example.com\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    "http://127.0.0.1 :{port}/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1\u200b:{port}/",
    "http://127.0.0.1::{port}/",
    "http://127.0.0.1:0{port}0/",
    "http://127.0.0.1:+{port}/",
    # mapped, compatible, translated, tunnelled
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/",
    # zones and broken literals
    "http://[::1%25lo]:{port}/",
    "http://[::1%lo]:{port}/",
    "http://[fe80::1%25eth0]:{port}/",
    "http://[::1]x:{port}/",
    "http://[::1:{port}/",
    "http://[]:{port}/",
    "http://::1:{port}/",
    "http://[127.0.0.1]:{port}/",
    "http://[v1.fe80::a]:{port}/",
    # unspecified, this network, private, shared, link-local with a cloud's metadata, multicast, reserved, broadcast
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://0x0:{port}/",
    "http://00.0.0.0:{port}/",
    "http://0.0.0.1:{port}/",
    "http://[::]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://172.31.255.255:{port}/",
    "http://192.168.1.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://100.127.255.255:{port}/",
    "http://169.254.169.254:{port}/latest/meta-data/",
    "http://2852039166:{port}/",
    "http://[fd00:ec2::254]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://[100::1]:{port}/",
    "http://[2001:db8::1]:{port}/",
    "http://[3fff::1]:{port}/",
    "http://[5f00::1]:{port}/",
    "http://[4000::1]:{port}/",
    "http://192.0.0.1:{port}/",
    "http://192.0.2.1:{port}/",
    "http://192.88.99.1:{port}/",
    "http://198.18.0.1:{port}/",
    "http://198.51.100.1:{port}/",
    "http://203.0.113.1:{port}/",
    "http://224.0.0.1:{port}/",
    "http://240.0.0.1:{port}/",
    "http://255.255.255.255:{port}/",
    # other protocols
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd?{port}",
    "gopher://127.0.0.1:{port}/",
    "unix:///run/docker.sock?{port}",
    "ws://127.0.0.1:{port}/",
    "",
    "http://",
    "http://:{port}/",
    "http://.:{port}/",
    "http://-:{port}/",
    "http://a..b:{port}/",
]


@pytest.fixture(scope="module")
def canaries() -> Iterator[list[Listener]]:
    """One on all addresses of IPv4; one on IPv6 at the same port, where the machine has it."""
    with listening(host="0.0.0.0") as four, ExitStack() as more:
        heard = [four]
        with suppress(OSError):
            heard.append(more.enter_context(listening(host="::1", port=four.port)))
        yield heard


def test_there_are_enough_spellings() -> None:
    assert len(set(SPELLINGS)) == len(SPELLINGS) >= 60


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_an_inner_address_is_called(spelling: str, canaries: list[Listener]) -> None:
    client = GuardedClient()
    with pytest.raises(CallError) as raised:
        client.request("GET", spelling.replace("{port}", str(canaries[0].port)), deadline_seconds=3, max_bytes=1000)
    assert raised.value.error_class == errors.BLOCKED
    assert not raised.value.is_retryable
    assert [canary.connections for canary in canaries] == [0] * len(canaries)


def test_the_canary_does_hear_what_is_allowed(canaries: list[Listener]) -> None:
    """Else its silence would prove nothing."""
    with listening() as canary:
        with GuardedClient(AllowList.parse([f"127.0.0.1:{canary.port}"])) as client:
            answer = client.request("GET", canary.url, deadline_seconds=3, max_bytes=1000)
        assert (answer.status, answer.body, canary.connections) == (200, b"ok", 1)
    assert canaries[0].connections == 0


PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
]
BESIDE_SPECIAL = [
    "169.253.0.1",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.0.1",
    "192.169.0.1",
    "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
    "2400::1",
]


@pytest.mark.parametrize("address", PUBLIC + BESIDE_SPECIAL)
def test_public_addresses_are_called(address: str) -> None:
    assert special_kind(ip_address(address)) == ""
    assert AllowList().refusal(host="api.example.com", address=ip_address(address), port=443) == ""


@given(st.ip_addresses())
def test_whatever_the_standard_library_holds_for_not_global_is_special_here_too(address: Address) -> None:
    if not address.is_global or address.is_multicast:
        assert special_kind(address)


def opens(entry: str, *, host: str, address: str, port: int = 8000) -> bool:
    return not AllowList.parse([entry]).refusal(host=host, address=ip_address(address), port=port)


def test_an_entry_opens_what_it_names_and_no_more() -> None:
    assert opens("127.0.0.1:8000", host="127.0.0.1", address="127.0.0.1")
    assert not opens("127.0.0.1:8000", host="127.0.0.1", address="127.0.0.1", port=8001)
    assert not opens("127.0.0.1:8000", host="127.0.0.2", address="127.0.0.2")
    assert opens("10.1.0.0/16", host="gpu.lan", address="10.1.9.9", port=1)
    assert not opens("10.1.0.0/16", host="gpu.lan", address="10.2.0.1")
    assert opens("[::1]:8000", host="::1", address="::1")
    assert not opens("[::1]:8000", host="::1", address="::1", port=9)
    assert opens("fd00::/8", host="gpu.lan", address="fd12::5")
    assert not opens("10.0.0.0/8", host="x", address="::ffff:10.0.0.1")


def test_a_name_opens_private_addresses_for_this_name_alone() -> None:
    assert opens("ollama.internal:11434", host="ollama.internal", address="10.9.9.9", port=11434)
    assert opens("Ollama.Internal", host="ollama.internal", address="127.0.0.1")
    assert not opens("ollama.internal", host="other.internal", address="10.9.9.9")


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::ffff:127.0.0.1"])
def test_a_name_never_opens_a_clouds_metadata_or_a_group(address: str) -> None:
    assert not opens("ollama.internal", host="ollama.internal", address=address)


MISTAKES = ["*", "*.internal", "10.0.0.1/8", "127.1", "0x7f000001", "host:port", "host:0", "host:65536", "[::1"]


@pytest.mark.parametrize("entry", [*MISTAKES, "[::1]8000", "a b", "http://host"])
def test_a_mistake_in_the_allow_list_is_told_at_the_start(entry: str) -> None:
    with pytest.raises(BadAllowList):
        AllowList.parse([entry])


def test_a_refusal_says_what_was_found_and_what_the_operator_can_do() -> None:
    with pytest.raises(CallError, match=r"127\.0\.0\.1 is loopback\. .*ENDPOINT_ALLOWED_HOSTS: 127\.0\.0\.1:8000"):
        GuardedClient().request("GET", "http://127.0.0.1:8000/v1", deadline_seconds=1, max_bytes=10)
