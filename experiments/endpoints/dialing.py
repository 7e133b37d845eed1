"""Connecting: every address of a name is judged, and a judged one itself is dialled, so no second lookup can differ."""

import socket
import ssl
import time

from experiments.endpoints import errors
from experiments.endpoints.addresses import Address, AllowList
from experiments.endpoints.errors import CallError
from experiments.endpoints.resolving import Resolver, resolve
from experiments.endpoints.targets import Target

CONNECT_SECONDS = 10.0
WAY_OUT = (
    "Only public addresses are called. If it is a model server of yours, "
    "the operator can add it to ENDPOINT_ALLOWED_HOSTS: {entry}"
)


def dial(
    target: Target, *, allow: AllowList, resolver: Resolver, tls: ssl.SSLContext | None, deadline: float
) -> socket.socket:
    addresses = judged(target, allow=allow, resolver=resolver, seconds=deadline - time.monotonic())
    sock = connect(target, addresses, deadline=deadline)
    if target.scheme == "http":
        return sock
    try:
        return handshake(sock, target, tls or ssl.create_default_context(), deadline=deadline)
    except BaseException:
        sock.close()
        raise


def judged(target: Target, *, allow: AllowList, resolver: Resolver, seconds: float) -> list[Address]:
    """All or none: a name with one inner address among public ones is a trap or a mistake."""
    if target.literal is not None:
        addresses = [target.literal]
    else:
        addresses = resolve(target.host, target.port, resolver=resolver, seconds=seconds)
    for address in addresses:
        if reason := allow.refusal(host=target.host, address=address, port=target.port):
            way_out = WAY_OUT.format(entry=f"{target.host_in_url}:{target.port}")
            raise CallError(errors.BLOCKED, f"{reason}. {way_out}")
    return addresses


def connect(target: Target, addresses: list[Address], *, deadline: float) -> socket.socket:
    problem: OSError = TimeoutError()
    for place, address in enumerate(addresses):
        left = deadline - time.monotonic()
        # An address that does not answer leaves time for those after it.
        seconds = min(left / (len(addresses) - place), CONNECT_SECONDS)
        if left <= 0:
            break
        try:
            return connected(address, target.port, seconds)
        except OSError as error:
            problem = error
    if isinstance(problem, TimeoutError):
        raise CallError(errors.TIMEOUT, f"{target.host} took no connection at port {target.port} in time.")
    raise CallError(errors.REFUSED, f"{target.host} refused the connection at port {target.port}. Is it running?")


def connected(address: Address, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


def handshake(sock: socket.socket, target: Target, tls: ssl.SSLContext, *, deadline: float) -> ssl.SSLSocket:
    """The certificate must be good for the host of the URL, whatever address was dialled."""
    try:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        return tls.wrap_socket(sock, server_hostname=target.host)
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message or "it cannot be verified"
        raise CallError(errors.REFUSED, f"The certificate of {target.host} was not accepted: {reason}.") from None
    except TimeoutError:
        raise CallError(errors.TIMEOUT, f"{target.host} did not finish the TLS handshake in time.") from None
    except (ssl.SSLError, OSError):
        raise CallError(errors.REFUSED, f"{target.host} does not speak TLS at port {target.port}.") from None
