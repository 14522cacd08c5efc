"""Where the fleet may call, and from where: loopback on both ends."""

import ipaddress
import socket
import sys
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

MOST_SOURCES: Final = 60_000
HOSTS_A_NET: Final = 250
DEFAULT_PORT: Final = 80


class NotLoopback(ValueError):
    """The address is not on this machine, or can't be used."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resolved loopback address; what was resolved is what is called."""

    host: str
    port: int
    sources: int = 1

    @classmethod
    def of(cls, url: str, *, sources: int = 1) -> Self:
        """Resolve `url` once.

        Raises:
            NotLoopback: it is not plain HTTP, can't be resolved, or one of the addresses that its
                name stands for is not a loopback address.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORT
        except ValueError:
            raise NotLoopback(f"{url} is no address") from None
        if parts.scheme != "http" or not parts.hostname:
            raise NotLoopback(f"{url} is not an http:// address")
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError:
            raise NotLoopback(f"{parts.hostname} can't be resolved") from None
        hosts = [str(address[0]) for *_, address in found]
        if not hosts or not all(ipaddress.ip_address(host).is_loopback for host in hosts):
            raise NotLoopback(f"{parts.hostname} is not (only) this machine")
        # IPv4 first: only there the whole of 127.0.0.0/8 is ours, on Linux.
        host = next((host for host in hosts if "." in host), hosts[0])
        many = sys.platform == "linux" and "." in host
        return cls(host, port, min(sources, MOST_SOURCES) if many else 1)

    def source(self, number: int) -> tuple[str, int] | None:
        """Return where the connection `number` comes from: 127.0.0.1, 127.0.0.2 ... in turn.

        Each address has ports of its own, about 28,000.
        """
        if self.sources == 1:
            return None
        net, host = divmod(number % self.sources, HOSTS_A_NET)
        return f"127.0.{net}.{1 + host}", 0
