"""Which addresses may be called: everything public, and what the operator's allow-list names beyond it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries of IPv4 and IPv6, 2025, with what the transition mechanisms can smuggle.
# `ipaddress.is_private` and `is_global` miss or admit several of these, differently from one Python to the next.
SPECIAL = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "reserved for documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT relay",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "reserved for benchmarks",
    "198.51.100.0/24": "reserved for documentation",
    "203.0.113.0/24": "reserved for documentation",
    "224.0.0.0/4": "multicast",
    "255.255.255.255/32": "broadcast",
    "240.0.0.0/4": "reserved",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "::/96": "IPv4-compatible",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discard-only",
    "2001::/32": "Teredo",
    "2001:db8::/32": "reserved for documentation",
    "2001::/23": "reserved for protocols",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "reserved for documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
SPECIAL_NETWORKS: list[tuple[Network, str]] = [(ip_network(text), kind) for text, kind in SPECIAL.items()]
GLOBAL_UNICAST = IPv6Network("2000::/3")
# What an operator may open by a name alone. Never the metadata service of a cloud (169.254.169.254) or a group address.
OPENED_BY_NAME = {"loopback", "private", "carrier-grade NAT"}
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)*{LABEL}")
ENDS_IN_A_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)$", re.ASCII)
PORTS = range(1, 65536)


class BadAllowList(ValueError):
    """An entry of the allow-list cannot be read."""


def special_kind(address: Address) -> str:
    """What makes this address unfit for the public internet; empty where nothing does."""
    for network, kind in SPECIAL_NETWORKS:
        if address.version == network.version and address in network:
            return kind
    if isinstance(address, IPv6Address) and (address not in GLOBAL_UNICAST or address.scope_id):
        return "not global unicast"
    return ""


def is_name(text: str) -> bool:
    """A host name, in lower case, that no resolver could take for a number."""
    return bool(NAME.fullmatch(text)) and not ENDS_IN_A_NUMBER.search(text)


@dataclass(frozen=True)
class Allowed:
    """One entry: a name or a network, at one port or all."""

    name: str = ""
    network: Network | None = None
    port: int | None = None

    def opens(self, *, host: str, address: Address, port: int, kind: str) -> bool:
        if self.port not in {None, port}:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return host == self.name and kind in OPENED_BY_NAME


@dataclass(frozen=True)
class AllowList:
    entries: tuple[Allowed, ...] = ()

    @classmethod
    def parse(cls, words: Iterable[str]) -> "AllowList":
        """Names, addresses and networks, each with an optional port: `10.1.0.0/16`, `[::1]:8000`, `gpu.lan:80`."""
        return cls(tuple(read_entry(word.strip()) for word in words if word.strip()))

    def refusal(self, *, host: str, address: Address, port: int) -> str:
        """Why this address of that host must not be called; empty where it may."""
        kind = special_kind(address)
        if not kind or any(entry.opens(host=host, address=address, port=port, kind=kind) for entry in self.entries):
            return ""
        return f"{host} leads to {address}, which is {kind}" if host != str(address) else f"{address} is {kind}"


def read_entry(word: str) -> Allowed:
    if word.startswith("["):
        inside, bracket, after = word[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise BadAllowList(f"{word!r}: an address in brackets is followed by nothing or by :port")
        return Allowed(network=read_network(word, inside), port=read_port(word, after[1:]) if after else None)
    if word.count(":") > 1:
        return Allowed(network=read_network(word, word))
    host, colon, port = word.partition(":")
    number = read_port(word, port) if colon else None
    if is_name(host.lower()):
        return Allowed(name=host.lower(), port=number)
    return Allowed(network=read_network(word, host), port=number)


def read_network(word: str, text: str) -> Network:
    try:
        return ip_network(text) if "/" in text else ip_network(ip_address(text))
    except ValueError as error:
        raise BadAllowList(
            f"{word!r} is no host name, address or network ({error}). "
            "Examples: ollama.lan:11434, 10.1.0.0/16, [::1]:8000"
        ) from None


def read_port(word: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) in PORTS):
        raise BadAllowList(f"{word!r}: the port is a number from 1 to 65535")
    return int(text)
