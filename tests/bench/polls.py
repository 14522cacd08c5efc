"""How many polls one server process on one core answers, beside what is possible at all.

A device that asks again within five seconds may be given the same signature, and one that asks
more than once a second for long is refused. So there are as many devices as at a customer's, where
hardly any asks twice within that time; a second row says what fewer devices, who do, are answered.
A process keeps the signed policies of 20,000 devices: one of them is answered 200 from memory, each
of 100,000 after a read.
"""

import http.client
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from consent_app.devices.poll import PATH
from consent_fleet.devices import Device
from tests.bench.bench import Bench
from tests.bench.figures import milliseconds, share, table, thousands
from tests.bench.fleet import Enrolled, learn_etags
from tests.bench.load import Sample, generator_name, measure
from tests.bench.outcome import Figure, Outcome
from tests.bench.processes import Nginx, Process
from tests.bench.witness import Witness

DEVICES, FEWER = 100_000, 20_000
SECONDS = 8
WITNESSES = 20
NGINX = "nginx, a static file, 304"
BARE_RSGI, BARE_ASGI = "bare granian handler, RSGI, 304", "bare granian handler, ASGI, 304"
UNCHANGED, POLICY = "poll, 304 with freshness", "poll, 200 with three documents"
POLICY_READ = "poll, 200, the policy read first"
AGAIN = "poll, 304, asked again within 5 s"
VIEW = "a view of Django without a query"
JWKS = "/.well-known/jwks.json"
BODY_BYTES = 7000


def measure_polls(bench: Bench) -> Outcome:
    """Load nginx, bare handlers, the poll and a view of Django, one after the other."""
    fleet = bench.fleet(bench.size(DEVICES))
    seconds = bench.seconds(SECONDS)
    samples: dict[str, Sample] = {}
    devices = [one.device for one in fleet]
    fewer = devices[: bench.size(FEWER)]

    def load(
        name: str,
        server: Process,
        path: str,
        status: int,
        devices: Sequence[Device],
        **options: Any,
    ) -> None:
        conditional = status == http.client.NOT_MODIFIED
        samples[name] = measure(
            server, path, devices, expected=status, conditional=conditional, seconds=seconds,
            **options,
        )  # fmt: skip

    with bench.device_server() as portal:
        learn_etags(portal.port, fleet)
        witness = _witness(portal, fleet, conditional=True)
        load(UNCHANGED, portal, PATH, 304, devices, meanwhile=witness)
        witness = _witness(portal, fleet, conditional=False)
        load(POLICY_READ, portal, PATH, 200, devices, meanwhile=witness)
        learn_etags(portal.port, fleet[: len(fewer)])
        load(POLICY, portal, PATH, 200, fewer)
        load(AGAIN, portal, PATH, 304, fewer)
    with bench.page_server() as pages:
        load(VIEW, pages, JWKS, 200, fewer)
    for name, interface in ((BARE_RSGI, "rsgi"), (BARE_ASGI, "asgi")):
        with bench.bare_server(interface) as bare:
            load(name, bare, PATH, 304, fewer)
    if Nginx.PROGRAM:
        with Nginx(bench.folder, path=PATH, body=secrets.token_bytes(BODY_BYTES)) as nginx:
            etag = _etag(nginx)
            load(NGINX, nginx, PATH, 304, [replace(device, etag=etag) for device in fewer])
    return _outcome(samples)


def _witness(portal: Process, fleet: Sequence[Enrolled], *, conditional: bool) -> Callable[[], int]:
    copies = [replace(one, device=replace(one.device)) for one in fleet[:WITNESSES]]
    return Witness(portal.port, copies, conditional=conditional)


def _etag(server: Process) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", PATH)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers["ETag"]


def _outcome(samples: dict[str, Sample]) -> Outcome:
    outcome = Outcome(f"Polls: one server process on one core; load from {generator_name()}")
    for name, sample in samples.items():
        if sample.errors:
            outcome.errors[name] = sample.errors
    outcome.tables.append(_table(samples))
    rates = {name: sample.rate_per_core for name, sample in samples.items()}
    bare = max(rates[BARE_RSGI], rates[BARE_ASGI])
    outcome.figures = [
        Figure.at_least(f"{UNCHANGED}, a CPU second", rates[UNCHANGED], 25_000),
        Figure.at_least(f"{AGAIN}, a CPU second", rates[AGAIN], 25_000),
        Figure.at_least(f"{POLICY}, a CPU second", rates[POLICY], 12_000),
    ]
    for name in (UNCHANGED, AGAIN):
        outcome.figures += [
            _share(name, rates[name], NGINX, rates.get(NGINX), 0.2),
            _share(name, rates[name], "the faster bare handler", bare, 0.6),
        ]
    return outcome


def _share(name: str, rate: float, of: str, whole: float | None, limit: float) -> Figure:
    what = f"{name}: of {of}"
    if whole is None:
        return Figure.not_measured(what, "no nginx")
    return Figure.at_least(what, rate / whole, limit, "{:.0%}")


def _table(samples: dict[str, Sample]) -> str:
    head = ["one server process on one core", "per second", "per CPU second"]
    head += ["median ms", "p99 ms", "its core", "load's core", "errors"]
    rows = [
        [
            name,
            thousands(sample.rate),
            thousands(sample.rate_per_core),
            milliseconds(sample.median),
            milliseconds(sample.p99),
            share(sample.server_busy),
            share(sample.generator_busy),
            thousands(sample.errors),
        ]
        for name, sample in samples.items()
    ]
    return table(head, rows)
