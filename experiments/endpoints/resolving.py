"""A name's addresses, in time: the system's resolver knows no deadline, so it is asked in a thread that may be left."""

import queue
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address

from experiments.endpoints import errors
from experiments.endpoints.addresses import Address
from experiments.endpoints.errors import CallError

Resolver = Callable[[str, int], list[Address]]
ASKING_AT_ONCE = threading.BoundedSemaphore(64)


def system_resolver(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # Each address once, in the resolver's order. A zone (fe80::1%eth0) stays with it and is refused later.
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


def resolve(host: str, port: int, *, resolver: Resolver, seconds: float) -> list[Address]:
    """All addresses of the name. Raises CallError: dns where there are none, timeout where nobody says so in time."""
    if not ASKING_AT_ONCE.acquire(timeout=max(seconds, 0)):
        raise CallError(errors.TIMEOUT, f"The name server did not answer for {host} in time.")
    box: queue.SimpleQueue[list[Address] | OSError | ValueError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            box.put(resolver(host, port))
        except (OSError, ValueError) as error:
            box.put(error)
        finally:
            ASKING_AT_ONCE.release()

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = box.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise CallError(errors.TIMEOUT, f"The name server did not answer for {host} in time.") from None
    if isinstance(found, Exception) or not found:
        raise CallError(errors.DNS, f"The name {host} is not known. Is it spelled right?") from None
    return found
