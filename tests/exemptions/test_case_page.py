"""The page on which a reviewer decides: who sees it, what it shows, and what it never shows."""

import uuid

import pytest
from django.db import connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import start_pause
from exemptions.actions import conversation
from exemptions.models import ExemptionRequest
from exemptions.queries.reviewing import earlier_requests, reviewing_as
from tests.device_fixtures import enrol
from tests.exemption_fixtures import SENSITIVE, TWO_PEOPLE, fresh
from tests.exemptions.conftest import without_tokens

pytestmark = pytest.mark.usefixtures("frozen_time")

MOST_QUERIES = 36
ODD = "<script>alert(1)</script> hidden \u202egpj.exe\nsecond line"


def case_url(request):
    return reverse("review-case", args=[request.pk])


@pytest.fixture
def page_of(sign_in):
    """Return a function that opens a case as somebody and returns what they read."""

    def page(request, person) -> str:
        response = sign_in(person).get(case_url(request))
        assert response.status_code == 200
        return response.content.decode()

    return page


def test_shows_all_that_is_needed_to_decide(make_request, organisation, page_of):
    sign_ceilings(by=system_user())
    request = make_request(
        applications=frozenset({"zulip", "datadog"}), kinds=frozenset({"keystrokes"})
    )

    page = page_of(request, organisation.jonas)

    for words in (
        "Mira Okafor", "Objection to AI training", "Datadog, Zulip", "Keystrokes",
        "I do not want my work to train a model.", "Monday 23 November 2026",
        "Jonas Lindqvist (line manager)", "HR", "Mira Okafor sent the request.",
        "Mouse movement and mouse clicks", "Apart from pauses and other choices",
    ):  # fmt: skip
        assert words in page


def test_other_requests_of_the_same_moment_stand_in_one_order(make_request, organisation):
    one, *others = [make_request(first_day=day) for day in range(5)]
    who = reviewing_as(organisation.jonas, at=timezone.now())
    listed = earlier_requests(who, one)
    assert {other.pk for other in listed} == {other.pk for other in others}

    # Changed, the first of them lies last; without its indexes PostgreSQL reads rows as they lie.
    ExemptionRequest.objects.filter(pk=listed[0].pk).update(version=F("version"))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")

    assert earlier_requests(who, one) == listed


def test_opening_is_logged_once_for_the_requester_to_see(make_request, organisation, page_of):
    request = make_request()

    page_of(request, organisation.jonas)
    page_of(request, organisation.jonas)

    opened = Leaf.objects.get(event="request.opened")
    assert opened.person == organisation.mira.pseudonym
    assert opened.actor == organisation.jonas.pseudonym


def test_offers_what_the_reviewer_may_do_now(make_request, organisation, page_of):
    request = make_request()

    page = page_of(request, organisation.jonas)

    offered = [name for name in ALL_OFFERS if f'id="offer-{name}"' in page]
    assert offered == ["approve", "part", "decline", "ask", "message", "note"]


ALL_OFFERS = (
    "approve", "part", "decline", "ask", "message", "note", "assign", "delay", "revoke",
)  # fmt: skip


def test_team_can_take_and_hand_over(make_request, organisation, page_of, sign_in):
    request = make_request()
    sign_in(organisation.jonas).post(
        reverse("review-decide", args=[request.pk]), {"verdict": "approve", "seen": request.version}
    )
    dana, hugo = organisation.hr

    page = page_of(fresh(request), dana)

    assert 'id="offer-assign"' in page
    assert f"{dana.name} (me)" in page
    assert hugo.name in page
    assert "Jonas Lindqvist</bdi> approved" in page


def test_granted_exemption_can_be_revoked_by_a_team_that_decided(
    make_request, decide_all, organisation, page_of
):
    request = decide_all(make_request())

    assert 'id="offer-revoke"' in page_of(request, organisation.hr[0])
    assert 'id="offer-revoke"' not in page_of(request, organisation.jonas)


def test_written_text_is_inert_and_shows_what_hides_in_it(make_request, organisation, page_of):
    request = make_request(text=ODD)
    conversation.write_note(request=request, by=organisation.jonas, text=ODD)

    page = page_of(request, organisation.jonas)

    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; hidden [U+202E]gpj.exe\nsecond") == 2


def test_notes_stand_apart_from_what_the_requester_reads(make_request, organisation, page_of):
    request = make_request()
    conversation.write_note(request=request, by=organisation.jonas, text="Told me in person.")

    page = page_of(request, organisation.jonas)

    notes = page[page.index('class="notes') :]
    assert "Mira does not read this." in notes
    assert "Told me in person." in notes
    assert "Told me in person." not in page[: page.index('class="notes')]


def test_second_of_two_reads_what_the_first_decided(make_request, organisation, confirmed, sign_in):
    request = make_request(ground=TWO_PEOPLE)
    first, second, _ = organisation.legal
    confirmed(first).post(
        reverse("review-decide", args=[request.pk]),
        {"verdict": "approve", "seen": request.version, "text": "It is clear."},
    )

    page = confirmed(second).get(case_url(request)).content.decode()

    assert "Priya Raman</bdi> approved" in page
    assert "It is clear." in page


# Whose it is not


def test_whatever_is_not_to_decide_looks_as_if_it_did_not_exist(
    make_request, make_draft, organisation, make_employee, sign_in
):
    own = make_request(organisation.jonas)
    foreign = make_request(make_employee("Ada Berg", line_manager=organisation.hr[0]))
    confidential = make_request(ground=SENSITIVE)
    draft = make_draft(organisation.noor)
    client = sign_in(organisation.jonas)

    answers = [
        client.get(reverse("review-case", args=[pk]))
        for pk in (uuid.uuid4(), own.pk, foreign.pk, confidential.pk, draft.pk)
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({without_tokens(answer.content) for answer in answers}) == 1
    assert not Leaf.objects.filter(event="request.opened").exists()


@pytest.mark.parametrize("name", ["decide", "ask", "message", "note", "assign", "delay", "revoke"])
def test_nobody_acts_on_what_they_can_not_open(make_request, organisation, sign_in, name):
    request = make_request(ground=SENSITIVE)
    posted = {"verdict": "approve", "seen": request.version, "text": "Yes.", "to": "team"}

    response = sign_in(organisation.jonas).post(
        reverse(f"review-{name}", args=[request.pk]), posted
    )

    assert response.status_code == 404
    assert fresh(request).version == request.version


def test_manager_sees_nothing_of_a_confidential_request_beside_an_open_one(
    make_request, organisation, page_of
):
    request = make_request()
    before = page_of(request, organisation.jonas)
    make_request(ground=SENSITIVE)

    after = page_of(request, organisation.jonas)

    assert without_tokens(after.encode()) == without_tokens(before.encode())


def test_page_is_the_same_while_the_requester_pauses(make_request, organisation, page_of):
    request = make_request()
    sign_ceilings(by=system_user())
    enrol(organisation.mira)
    before = page_of(request, organisation.jonas)
    start_pause(employee=organisation.mira, by=organisation.mira, minutes=30, longest=30)

    after = page_of(request, organisation.jonas)

    assert without_tokens(after.encode()) == without_tokens(before.encode())


# Bounds


def test_queries_do_not_grow_with_the_case(
    make_request, organisation, sign_in, django_assert_max_num_queries, make_employee
):
    request = make_request(applications=frozenset({"zulip", "datadog", "calendly"}))
    for number in range(8):
        conversation.write_message(
            request=fresh(request), by=organisation.jonas, seen=fresh(request).version, text="Hm."
        )
        conversation.write_note(request=fresh(request), by=organisation.jonas, text=f"{number}")
        make_request(organisation.mira, text="Another one.") if number < 5 else None
    client = sign_in(organisation.jonas)
    client.get(case_url(request))

    with django_assert_max_num_queries(MOST_QUERIES):
        client.get(case_url(request))
