"""An http or https address taken apart. One spelling only: whatever two programs could read differently is refused."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from experiments.endpoints import errors
from experiments.endpoints.addresses import ENDS_IN_A_NUMBER, PORTS, Address, is_name
from experiments.endpoints.errors import CallError

LONGEST = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}
PARTS = re.compile(r"(https?)://([^/?#]*)([/?][^#]*)?", re.IGNORECASE | re.ASCII)
DOTTED_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})", re.ASCII)


@dataclass(frozen=True)
class Target:
    """`host` is a name in lower case or an address; `literal` is that address."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host_in_url}:{self.port}"

    @property
    def host_in_url(self) -> str:
        return f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host

    @property
    def host_header(self) -> str:
        return self.host_in_url if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host_in_url}:{self.port}"


def parse(url: str) -> Target:
    """Raises CallError (blocked_address) with the reason."""
    if len(url) > LONGEST:
        raise refused("it is longer than 2,000 characters")
    if not url.isascii():
        raise refused("it has letters beyond ASCII; write an international name in its xn-- form")
    if any(letter <= " " or letter in '\\"<>^`{|}\x7f' for letter in url):
        raise refused("it has a space or a letter that no address has")
    parts = PARTS.fullmatch(url)
    if parts is None:
        raise refused("it must begin with http:// or https:// and have no #fragment")
    scheme = parts[1].lower()
    authority, path = parts[2], parts[3] or "/"
    if "@" in authority:
        raise refused("it has a user name or password before the host; the key has a field of its own")
    if "%" in authority:
        raise refused("its host has a percent sign")
    host_text, port = split_port(authority, DEFAULT_PORTS[scheme])
    host, literal = read_host(host_text)
    return Target(scheme=scheme, host=host, port=port, path=path if path[0] == "/" else f"/{path}", literal=literal)


def split_port(authority: str, default: int) -> tuple[str, int]:
    head, bracket, after = authority.rpartition("]")
    host, colon, port = after.partition(":")
    host = head + bracket + host
    if not colon:
        return host, default
    if not (port.isdigit() and len(port) <= 5 and int(port) in PORTS):
        raise refused("its port is not a number from 1 to 65535")
    return host, int(port)


def read_host(text: str) -> tuple[str, Address | None]:
    if text.startswith("[") and text.endswith("]"):
        try:
            six = IPv6Address(text[1:-1])
        except ValueError:
            raise refused("what stands in its brackets is no IPv6 address") from None
        return str(six), six
    if DOTTED_QUAD.fullmatch(text):
        try:
            four = IPv4Address(text)
        except ValueError:
            raise refused("a part of its address is above 255") from None
        return str(four), four
    if text.endswith("."):
        raise refused("its host ends with a dot")
    if ENDS_IN_A_NUMBER.search(text):
        raise refused("its host is a number in an unusual spelling; write four decimal numbers, like 192.0.2.1")
    if not is_name(text.lower()):
        raise refused("its host is missing or is no host name")
    return text.lower(), None


def refused(reason: str) -> CallError:
    return CallError(errors.BLOCKED, f"This address cannot be called: {reason}.")
