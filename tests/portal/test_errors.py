"""What a person, or an agent, is told when something goes wrong."""

import time

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertTemplateUsed

from consent_app.devices.api.openapi import PROBLEM
from tests.browser.live_portal import LivePortal

pytestmark = pytest.mark.urls("tests.portal.faulty_urls")
NOBODY_LISTENS = "postgresql://portal:x@127.0.0.1:1/consent_portal"


@pytest.fixture
def visitor() -> Client:
    """Return a browser that shows error pages instead of raising what caused them."""
    return Client(raise_request_exception=False)


@pytest.mark.django_db
def test_an_unknown_address_is_said_to_lead_nowhere(visitor):
    response = visitor.get("/nowhere")

    assertContains(response, "There is no such page", status_code=404)
    assertTemplateUsed(response, "errors/404.html")


def test_an_unknown_address_keeps_the_way_to_other_pages(sign_in, make_employee):
    response = sign_in(make_employee(name="Mira Okafor")).get("/nowhere")

    assertContains(response, "Mira Okafor", status_code=404)


@pytest.mark.django_db
def test_a_page_for_other_roles_says_whom_to_ask(visitor):
    response = visitor.get("/forbidden")

    assertContains(response, "ask the programme owner", status_code=403)


@pytest.mark.django_db
def test_a_form_of_an_older_sign_in_says_that_nothing_was_changed():
    response = Client(enforce_csrf_checks=True).post("/accepting")

    assertContains(response, "This page was open for too long", status_code=403)
    assertContains(response, "Nothing was changed.", status_code=403)


def test_another_host_name_is_answered_without_a_reader(visitor):
    response = visitor.get("/health", headers={"host": "evil.example"})

    assertContains(response, "could not read this request", status_code=400)


@pytest.mark.django_db
def test_a_fault_is_told_without_asking_the_database(visitor):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = visitor.get("/broken")

    assertContains(response, "Something broke in the portal", status_code=500)
    assert len(queries) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("nowhere", 404, "not_found"), ("forbidden", 403, "forbidden"), ("broken", 500, "fault")],
)
def test_agents_get_problem_documents(visitor, path, status, code):
    response = visitor.get(f"/agent/v1/{path}")

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert response.json().keys() >= set(PROBLEM["required"])


@pytest.fixture(scope="module")
def portal_without_database(tmp_path_factory):
    portal = LivePortal(tmp_path_factory.mktemp("away"), database_url=NOBODY_LISTENS)
    portal.start()
    yield portal
    portal.stop()


@pytest.mark.parametrize("path", ["/health", "/nowhere"])
def test_a_page_says_within_three_seconds_that_the_database_is_away(portal_without_database, path):
    started = time.monotonic()
    response = httpx.get(
        portal_without_database.url + path, cookies={"session": "a" * 32}, timeout=10
    )

    assert time.monotonic() - started < 3
    assert response.status_code == 503
    assert response.headers["Retry-After"].isdecimal()
    assert "stops collecting by itself" in response.text
