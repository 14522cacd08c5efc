"""How long the pages about requests take to answer, and how many queries each of them asks.

Times are of a server as in production (granian, WSGI) that answers one reader after the other; the
queries are counted in this process. A page that asks more than MOST_QUERIES counts as an error:
what a page asks for must not grow with the number of requests.
"""

import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consent_app.people.models import Employee
from exemptions.models import ExemptionRequest, Reviewer, ReviewStep
from exemptions.queries import reviewing
from exemptions.queries.queue import Tab
from tests.bench.bench import Bench
from tests.bench.chores import chores_table, measure_chores
from tests.bench.company import Company
from tests.bench.figures import milliseconds, percentile, table, thousands
from tests.bench.outcome import Figure, Outcome
from tests.bench.requests import load_requests

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
MOST_QUERIES = {"queue": 24, "case": 40, "requests": 20, "fleet": 16}
LEAST_REQUESTS = 500
REQUESTS_EACH = 5
VISITS = 60
CASES = 12  # of one reader: more than 20 confidential ones in ten minutes are refused


@dataclass(frozen=True)
class Page:
    """A page that somebody opens; `addresses` are asked for in turn."""

    name: str
    kind: str  # a key of MOST_QUERIES
    reader: Employee
    addresses: Sequence[str]


@dataclass
class Visit:
    """Seconds of each answer, the most queries of one, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    queries: int = 0
    errors: int = 0


def measure_pages(bench: Bench) -> Outcome:
    """Make up requests, open each page some dozen times, and run what runs by itself."""
    requests = max(LEAST_REQUESTS, bench.size(bench.requests))
    people = requests // REQUESTS_EACH
    began = time.monotonic()
    company = load_requests(people=people, requests=requests)
    bench.look_over()
    loaded = time.monotonic() - began
    with bench.page_server() as server:
        visits = visit_all(server.port, pages_of(company), times=VISITS)
    title = f"Pages: {requests:,} requests of {people:,} people, loaded in {loaded:.0f} s"
    outcome = Outcome(title, tables=[pages_table(visits), chores_table(measure_chores())])
    outcome.add_errors({name: visit.errors for name, visit in visits.items() if visit.errors})
    slowest = max(percentile(visit.seconds, 50) for visit in visits.values()) * 1000
    outcome.figures = [Figure.at_most("the slowest page: median, ms", slowest, 150)]
    return outcome


def pages_table(visits: dict[str, Visit]) -> str:
    head = [f"{VISITS} visits each", "median ms", "p95 ms", "queries", "errors"]
    rows = [
        [
            name,
            milliseconds(percentile(visit.seconds, 50)),
            milliseconds(percentile(visit.seconds, 95)),
            thousands(visit.queries),
            thousands(visit.errors),
        ]
        for name, visit in visits.items()
    ]
    return table(head, rows)


def pages_of(company: Company) -> list[Page]:
    """Return the pages that are measured, for those with the most to do."""
    manager, hr = _busiest_manager(), _busiest_of(company, Reviewer.HR)
    name = hr.name.split()[0]
    return [
        *(_queue(manager, "a manager", tab=tab.value) for tab in (Tab.MINE, Tab.DECIDED)),
        *(_queue(hr, "HR", tab=tab.value) for tab in Tab),
        _queue(hr, "HR, by name", tab="team", search=name),
        _queue(hr, "HR, by grounds", tab="team", ground="personal-safety"),
        _cases(manager, "a manager", is_sensitive=False),
        _cases(hr, "HR", is_sensitive=False),
        _cases(hr, "HR, confidential", is_sensitive=True),
        _own_requests(),
    ]


def visit_all(port: int, pages: Sequence[Page], *, times: int) -> dict[str, Visit]:
    """Open each page `times` times, after once each to warm up, and count its queries."""
    return {page.name: _visit(port, page, times=times) for page in pages}


def count_queries(page: Page) -> int:
    """Return the most queries that one of the addresses asks, when opened for the second time."""
    client = _signed_in(page.reader)
    return max(_queries(client, address) for address in page.addresses)


def _visit(port: int, page: Page, *, times: int) -> Visit:
    visit = Visit(queries=count_queries(page))
    visit.errors = int(visit.queries > MOST_QUERIES[page.kind])
    headers = {"Cookie": signed_in_cookie(page.reader)}
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number, address in enumerate(islice(cycle(page.addresses), times + len(page.addresses))):
        began = time.perf_counter()
        server.request("GET", address, headers=headers)
        answer = server.getresponse()
        answer.read()
        visit.errors += answer.status != http.client.OK
        if number >= len(page.addresses):
            visit.seconds.append(time.perf_counter() - began)
    server.close()
    return visit


def signed_in_cookie(reader: Employee) -> str:
    """Return the header of somebody who has just confirmed their password."""
    cookie = _signed_in(reader).cookies[settings.SESSION_COOKIE_NAME].value
    return f"{settings.SESSION_COOKIE_NAME}={cookie}"


def _queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    if answer.status_code != http.client.OK:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return len(asked)


def _signed_in(reader: Employee) -> Client:
    """Return a client of somebody who has just confirmed their password."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(reader, backend=BACKEND)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, reader, "password", reauthenticated=True)
    request.session.save()
    return client


def _queue(reader: Employee, who: str, **query: object) -> Page:
    address = f"{reverse('review')}?{urlencode(query)}"
    return Page(f"queue of {who}: {query['tab']}", "queue", reader, [address])


def _cases(reader: Employee, who: str, *, is_sensitive: bool) -> Page:
    who_reads = reviewing.reviewing_as(reader, at=timezone.now())
    steps = reviewing.queue_of(who_reads).filter(request__is_sensitive=is_sensitive)
    found = steps.order_by("pk").values_list("request", flat=True)[:CASES]
    addresses = [reverse("review-case", args=[pk]) for pk in found]
    return Page(f"case before {who}", "case", reader, addresses)


def _own_requests() -> Page:
    """Return the list of whoever asked five times, as most have."""
    counts = ExemptionRequest.objects.values("requester").annotate(asked=Count("pk"))
    reader = counts.filter(asked__gte=5).order_by("asked", "requester").values("requester")[:1]
    return Page(
        "my requests, five",
        "requests",
        Employee.objects.get(pk__in=reader),
        [reverse("my-requests")],
    )


def _busiest_manager() -> Employee:
    waiting = ReviewStep.objects.open().filter(reviewer=Reviewer.MANAGER)
    managers = waiting.values("request__requester__line_manager").annotate(count=Count("pk"))
    busiest = managers.order_by("-count", "request__requester__line_manager").first()
    return Employee.objects.get(pk=busiest["request__requester__line_manager"])


def _busiest_of(company: Company, team: str) -> Employee:
    """Return who of a team has the most steps in their name; the team's steps all share."""
    team_ids = [person.pk for person in company.teams[team]]
    mine = ReviewStep.objects.open().filter(assignee__in=team_ids)
    busiest = mine.values("assignee").annotate(count=Count("pk")).order_by("-count").first()
    return Employee.objects.get(pk=busiest["assignee"])
