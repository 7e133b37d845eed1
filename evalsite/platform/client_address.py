"""Where a request comes from, also behind a proxy: the login limit counts by it."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The last forwarded address that is no proxy of ours. What stands before it the client may have invented."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUST_PROXY:
        return peer
    forwarded = [word.strip() for word in request.headers.get("X-Forwarded-For", "").split(",")]
    for address in reversed(forwarded):
        try:
            if not is_trusted_proxy(address):
                return str(ip_address(address))
        except ValueError:
            break
    return peer


def is_trusted_proxy(address: str) -> bool:
    return any(ip_address(address) in ip_network(network, strict=False) for network in settings.TRUSTED_PROXIES)
