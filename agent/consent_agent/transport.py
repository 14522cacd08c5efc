"""How the agent reaches out: whose certificates it trusts, and words for connections that fail.

It trusts whom the computer trusts, so that a company's own authority needs no second configuration:
the system's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name. The bundle that comes with the
HTTP library is the last resort, for systems whose OpenSSL knows of no store. Which proxy is used is
left to the HTTP library, which reads `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import certifi
import httpx

# Longer than a pause between two polls, shorter than servers keep a connection that is idle.
KEPT_ALIVE_SECONDS: Final = 60.0
LIMITS: Final = httpx.Limits(max_connections=8, keepalive_expiry=KEPT_ALIVE_SECONDS)


def tls_context() -> ssl.SSLContext:
    """Return what verifies the portal's certificate."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if os.name == "posix" and not (paths.cafile or paths.capath):
        context.load_verify_locations(certifi.where())
    return context


def problem_of(error: Exception) -> str:
    """Say what a failed call ran into, for a person who can do something about it."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "its name is not known here; is there a network?"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing answers at this address"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy says {error}"
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the members of groups included."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _causes(member)
        error = error.__cause__ or error.__context__
