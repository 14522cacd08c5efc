"""Which sections a reader has, and how many requests wait for them by name."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent_app.notifications.models import Notification
from exemptions.actions import conversation
from exemptions.actions.steps import assign_step
from exemptions.models import Verdict
from tests.exemption_fixtures import ORDINARY, SENSITIVE, fresh

EVERYBODY = ["Home", "What is collected", "My data", "My requests", "My devices"]
PAGE = "/inbox/"


@pytest.fixture
def sections(sign_in, frozen_time):
    """Return the sections that somebody reads, as plain words."""

    def read(person) -> list[str]:
        page = sign_in(person).get(PAGE).content.decode()
        navigation = page.split('aria-label="Sections"')[1].split("</nav>")[0]
        items = re.findall(r"<a [^>]*>(.*?)</a>", navigation)
        return [re.sub(r"<[^>]+>", "", item).replace("&nbsp;", " ") for item in items]

    return read


def test_everybody_has_their_requests(sections, organisation):
    assert sections(organisation.mira) == EVERYBODY


def test_who_decides_has_review(sections, organisation):
    for person in (organisation.jonas, organisation.hr[0]):
        assert sections(person) == [*EVERYBODY, "Review"]


def test_it_administrators_have_the_devices_of_all(sections, organisation):
    assert sections(organisation.it[0]) == [*EVERYBODY, "Review", "Devices"]


def test_who_answers_for_the_programme_has_it(sections, organisation):
    assert sections(organisation.owner) == [*EVERYBODY, "Programme"]
    assert sections(organisation.auditor) == [*EVERYBODY, "Programme"]
    assert sections(organisation.legal[0]) == [*EVERYBODY, "Review", "Programme"]


def test_counts_what_waits_for_the_reader_by_name(sections, make_request, organisation):
    make_request()
    taken = make_request(ground=SENSITIVE)
    make_request(organisation.noor, ground=SENSITIVE)
    dana = organisation.hr[0]
    assign_step(request=taken, by=dana, to=dana)

    assert "Review (1) waiting for you" in sections(organisation.jonas)
    assert "Review (1) waiting for you" in sections(dana)
    assert "Review" in sections(organisation.hr[1])


def test_what_waits_for_an_answer_is_not_counted(sections, make_request, organisation):
    request = make_request()
    conversation.ask_for_information(
        request=request, by=organisation.jonas, seen=request.version, text="Since when?"
    )

    assert "Review" in sections(organisation.jonas)


def test_what_was_decided_is_not_counted(sections, make_request, organisation, decide_all):
    decide_all(make_request(ground=ORDINARY), Verdict.DECLINE)

    assert "Review" in sections(organisation.jonas)


def test_a_managers_page_is_the_same_with_a_confidential_request_of_a_report(
    sign_in, frozen_time, make_request, organisation
):
    make_request()
    client = sign_in(organisation.jonas)
    before = without_token(client.get(PAGE))

    fresh(make_request(ground=SENSITIVE))

    assert without_token(client.get(PAGE)) == before


def without_token(response) -> str:
    return re.sub(r'"X-CSRFToken": "\w+"|value="\w{64}"', "", response.content.decode())


def test_the_count_is_one_query(sign_in, make_request, organisation):
    make_request()
    client = sign_in(organisation.jonas)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(PAGE)

    assert sum("exemptions_reviewstep" in query["sql"] for query in queries) == 1


def test_what_htmx_swaps_asks_for_no_sections(sign_in, make_request, organisation):
    make_request()
    message = Notification.objects.get(recipient=organisation.jonas)
    client = sign_in(organisation.jonas)

    with CaptureQueriesContext(connection) as queries:
        client.post(f"/inbox/{message.pk}/read", headers={"HX-Request": "true"})

    assert not any("exemptions_reviewstep" in query["sql"] for query in queries)
