"""Whom rate limits count: the address that our own proxy saw, or who is connected."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# What one household or office is given as a rule: who has one address of it has all of them.
IPV6_NETWORK_BYTES = 8


def client_address(request: HttpRequest) -> str:
    """Return the sender's address; X-Forwarded-For counts only behind our proxy, its last entry.

    For IPv6 it is the first address of its /64: whoever has one could use 2^64 of them in turn.
    """
    forwarded = request.headers.get("X-Forwarded-For", "")
    return nearest_address(forwarded, request.META.get("REMOTE_ADDR"))


def nearest_address(forwarded: str, connected: str | None) -> str:
    """Return the same from the value of X-Forwarded-For and the address that is connected."""
    nearest = forwarded.rsplit(",", 1)[-1].strip() if settings.BEHIND_PROXY else ""
    return _network_of(nearest or connected or "unknown")


def _network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    network = found.packed[:IPV6_NETWORK_BYTES].ljust(len(found.packed), b"\0")
    return str(ipaddress.IPv6Address(network))
