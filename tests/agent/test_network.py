"""What goes wrong on the way to the portal, and how the agent says so (S10, S16, S17).

No network, no such name, a certificate that nobody vouches for, a company's proxy.
"""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from consent_agent.client import Connection, NewPolicy, PortalClient
from consent_agent.errors import AgentError, PortalUnreachable
from consent_agent.pacing import BackOff
from consent_agent.protocol.decision import Reason
from tests.agent.running import work
from tests.agent.tls import RecordingProxy, make_certificate, server_context


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def poll(make_state):
    """Poll a portal at some address, as an enrolled device."""

    def call(url: str) -> object:
        async def run():
            enrolment = make_state(url).enrolment
            async with Connection(url, deadline_seconds=5) as connection:
                return await PortalClient(connection, enrolment).poll(etag=None)

        return asyncio.run(run())

    return call


def problem(poll, url: str) -> str:
    with pytest.raises(PortalUnreachable) as caught:
        poll(url)
    return str(caught.value)


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path)


@pytest.fixture
def tls_portal(portal, certificate):
    """The portal, behind TLS."""
    context = server_context(*certificate)
    portal.socket = context.wrap_socket(portal.socket, server_side=True)
    portal.tls_url = portal.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
    return portal


@pytest.fixture
def proxy() -> Iterator[RecordingProxy]:
    proxy = RecordingProxy()
    yield proxy
    proxy.stop()


def test_says_that_nothing_answers(poll, portal):
    portal.stop()

    assert "(nothing answers at this address)" in problem(poll, portal.url)


def test_says_that_the_name_is_not_known(poll, monkeypatch):
    def fail(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert "its name is not known here" in problem(poll, "https://portal.example.com")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_says_that_a_certificate_is_not_trusted_and_sends_no_token(poll, tls_portal):
    said = problem(poll, tls_portal.tls_url)

    assert "its certificate is not trusted: self-signed certificate" in said
    assert not tls_portal.requests


def test_trusts_whom_the_computer_trusts(poll, tls_portal, certificate, monkeypatch):
    """A company's own authority is in the system's store, which this variable stands for here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    assert isinstance(poll(tls_portal.tls_url), NewPolicy)


def test_a_proxy_is_asked_for_a_tunnel_and_shown_no_token(poll, proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)

    said = problem(poll, "https://portal.example.com")

    assert "the proxy says 403" in said
    (heard,) = proxy.heard
    assert heard.startswith(b"CONNECT portal.example.com:443 ")
    assert b"token-1" not in heard
    assert b"Authorization" not in heard


def test_no_proxy_where_the_environment_says_so(poll, proxy, tls_portal, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "localhost")

    assert isinstance(poll(tls_portal.tls_url), NewPolicy)
    assert not proxy.heard


def test_a_connection_serves_several_polls_though_some_time_is_between(
    portal, make_state, monkeypatch
):
    """A TLS handshake for each poll would be most of its cost, here and at the portal."""
    connections = []
    accept = portal.get_request
    portal.get_request = lambda: connections.append(1) or accept()
    enrolment = make_state(portal.url).enrolment

    async def run():
        async with Connection(portal.url) as connection:
            client = PortalClient(connection, enrolment)
            await client.poll(etag=None)
            pooled = connection._http._transport._pool
            (idle,) = pooled.connections
            idle._connection._expire_at -= 50  # as if this long had passed
            await client.poll(etag=None)

    asyncio.run(run())

    assert len(connections) == 1


def test_without_network_it_stops_when_freshness_is_over_and_comes_back(
    portal, make_state, restart_portal, monkeypatch
):
    """S16: cut off, collection ends by itself; it begins again with a fresh policy only."""
    monkeypatch.setattr(BackOff, "next_delay", lambda *_: 0.02)
    state = make_state(portal.url)

    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        await asyncio.to_thread(portal.stop)
        await running.until(lambda: running.printed("nothing answers"))
        assert running.reason() is Reason.ALLOWED
        running.clock.pass_time(minutes=15)
        assert running.reason() is Reason.NOT_FRESH
        running.clock.pass_time(minutes=-15)  # the portal's clock is the machine's
        again = restart_portal(portal)
        again.publish(version=18)
        await running.until(lambda: running.printed("version 18"))

    work(state, scenario)


@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_a_slow_portal_is_waited_for(portal, make_state, seconds):
    """S17: slow is not away; only the deadline for the whole answer counts."""
    answer = portal.answer

    def dawdle(handler, path, body):
        time.sleep(seconds)
        answer(handler, path, body)

    portal.answer = dawdle
    state = make_state(portal.url)

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        assert not running.printed("[")

    work(state, scenario)


def test_failures_have_codes(poll, portal):
    portal.stop()

    with pytest.raises(AgentError) as caught:
        poll(portal.url)

    assert caught.value.code == "portal_unreachable"
