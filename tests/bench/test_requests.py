"""That the loader of requests still loads, and that pages ask no more with more requests."""

import pytest

from consent_app.audit.verification import verify_log
from exemptions.actions.timekeeping import keep_time
from exemptions.models import PENDING, ExemptionRequest, ReviewStep
from tests.bench.company import PLACES, Company
from tests.bench.pages import MOST_QUERIES, count_queries, pages_of
from tests.bench.requests import load_requests

PEOPLE, REQUESTS = 200, 500


@pytest.fixture
def company(grounds, make_jurisdiction) -> Company:
    for code, *_ in PLACES:
        make_jurisdiction(code)
    return load_requests(people=PEOPLE, requests=REQUESTS)


def test_loads_requests_in_all_states_with_one_open_step_for_each_pending_one(company):
    pending = ExemptionRequest.objects.filter(state__in=PENDING)

    assert ExemptionRequest.objects.count() == REQUESTS
    assert pending.count() == ReviewStep.objects.open().count() == REQUESTS * 15 // 100
    assert ExemptionRequest.objects.values("state").distinct().count() >= 9


def test_writes_a_log_that_verifies(company):
    report = verify_log([])

    assert report.is_intact
    assert report.head.size > 6 * REQUESTS


def test_leaves_timekeeping_nothing_to_do(company):
    assert keep_time() == 0


def test_pages_ask_a_bounded_number_of_queries(company):
    pages = pages_of(company)

    asked = {page.name: count_queries(page) for page in pages}

    assert asked
    assert {page.name for page in pages if asked[page.name] > MOST_QUERIES[page.kind]} == set()
