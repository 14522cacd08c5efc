"""What each button of a case does, where it leads, and how it says no."""

from datetime import timedelta

import pytest
from django.urls import reverse

from exemptions.actions import conversation, submission
from exemptions.models import MessageKind, State
from exemptions.sealed import decision_text, message_text
from tests.conftest import NOON
from tests.exemption_fixtures import fresh, nothing_changes

pytestmark = pytest.mark.usefixtures("frozen_time")

DECLINE = {"verdict": "decline", "code": "ground_not_met", "text": "It is not covered."}
TODAY = NOON.date()


def url_of(request, name: str = "case") -> str:
    return reverse(f"review-{name}", args=[request.pk])


@pytest.fixture
def post(organisation, sign_in):
    """Return a function that posts as Jonas, who has the case in front of him."""

    def post(request, name: str, by=None, **posted):
        client = sign_in(by or organisation.jonas)
        client.get(url_of(request))
        return client.post(url_of(request, name), {"seen": request.version} | posted)

    return post


def part_of(request, **less):
    """Return the form of an approval in part as the page fills it, but for `less`."""
    filled = {
        "verdict": "approve_in_part",
        "kinds": ["mouse_movement", "mouse_click", "keystrokes"],
        "starts_on": request.starts_on.isoformat(),
        "ends_on": request.ends_on.isoformat() if request.ends_on else "",
        "review_on": request.review_on.isoformat() if request.review_on else "",
        "text": "Mouse data is needed.",
    }
    if request.applications:
        filled["applications"] = request.applications
    return filled | less


# Yes and no


def test_declines_with_a_code_and_a_text(make_request, post):
    request = make_request()

    response = post(request, "decide", **DECLINE)

    decision = fresh(request).decisions.get()
    assert response.status_code == 302
    assert fresh(request).state == State.DECLINED
    assert (decision.code, decision_text(request, decision)) == (
        "ground_not_met", "It is not covered.",
    )  # fmt: skip


def test_approves_fewer_applications_kinds_and_days(make_request, post):
    request = make_request(applications=frozenset({"zulip", "datadog"}))
    last_day = TODAY + timedelta(days=9)

    post(
        request, "decide",
        **part_of(request, applications=["zulip"], kinds=["keystrokes"], ends_on=str(last_day)),
    )  # fmt: skip

    scope = fresh(request).decisions.get().scope
    assert scope.applications == {"zulip"}
    assert scope.kinds == {"keystrokes"}
    assert (scope.starts_on, scope.ends_on) == (TODAY, last_day)


def test_narrows_everything_to_some_categories(make_request, post):
    request = make_request()

    post(request, "decide", **part_of(request, categories=["chat_meetings"]))

    scope = fresh(request).decisions.get().scope
    assert scope.applications == {"ringcentral", "zulip"}
    assert scope.kinds is None


def test_gives_an_open_exemption_an_end(make_request, post):
    request = make_request(days=None)

    post(request, "decide", **part_of(request, ends_on=str(TODAY + timedelta(days=30))))

    scope = fresh(request).decisions.get().scope
    assert (scope.ends_on, scope.review_on) == (TODAY + timedelta(days=30), None)


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({"verdict": "decline", "text": "No."}, "Choose why it is declined."),
        ({"verdict": "decline", "code": "ground_not_met", "text": " "}, "Write a sentence or two."),
        ({"verdict": "decline", "code": "made_up", "text": "No."}, "Select a valid choice"),
        (
            {"verdict": "decline", "code": "ground_not_met", "text": "x" * 10_001},
            "longer than fits",
        ),
        ({"verdict": "approve", "text": "x" * 10_001}, "longer than fits"),
        ({"verdict": "approve", "seen": "first"}, "Enter a whole number."),
    ],
)
def test_says_what_is_missing_beside_it(make_request, post, posted, words):
    request = make_request()
    post(request, "decide", verdict="decline")

    with nothing_changes():
        response = post(request, "decide", **posted)

    page = response.content.decode()
    assert response.status_code == 422
    assert "Check this first" in page
    assert words in page
    assert 'name="offer" id="offer-' in page


@pytest.mark.parametrize(
    ("less", "words"),
    [
        ({}, "This is all that was asked for."),
        ({"kinds": []}, "Choose at least one"),
        ({"applications": []}, "Choose at least one"),
        ({"applications": ["zulip", "clion"]}, "this is more"),
        ({"starts_on": "2026-11-22"}, "this is more"),
        ({"ends_on": "2030-01-01"}, "this is more"),
        ({"ends_on": ""}, "Choose a day."),
        ({"starts_on": "soon"}, "Enter a valid date."),
        ({"kinds": ["screen"]}, "Select a valid choice"),
        ({"text": "", "kinds": ["keystrokes"]}, "Write a sentence or two."),
        ({"starts_on": "2026-12-10", "ends_on": "2026-12-09"}, "before the first"),
    ],
)
def test_takes_less_and_never_more(make_request, post, less, words):
    request = make_request(applications=frozenset({"zulip", "datadog"}))
    post(request, "decide", verdict="decline")

    with nothing_changes():
        response = post(request, "decide", **part_of(request, **less))

    assert response.status_code == 422
    assert words in response.content.decode()


def test_unknown_verdict_is_no_verdict(make_request, post):
    request = make_request()
    post(request, "decide", verdict="decline")

    with nothing_changes():
        response = post(request, "decide", verdict="perhaps")

    assert response.status_code == 400


# Writing


def test_question_stops_the_clock_and_leads_on(make_request, organisation, post):
    request = make_request()

    response = post(request, "ask", text="Which work?")

    assert fresh(request).state == State.INFORMATION_REQUESTED
    assert response["Location"] == reverse("review")


def test_message_and_note_stay_at_the_case(make_request, organisation, post):
    request = make_request()

    for name, kind in (("message", MessageKind.MESSAGE), ("note", MessageKind.NOTE)):
        response = post(fresh(request), name, text=f"A {name}.")

        assert response["Location"] == url_of(request)
        assert message_text(request, request.messages.get(kind=kind)) == f"A {name}."


def test_takes_hands_over_and_gives_back(make_request, organisation, post):
    request = make_request()
    post(request, "decide", verdict="approve")
    dana, hugo = organisation.hr

    for to, assignee in ((str(dana.pk), dana), (str(hugo.pk), hugo), ("team", None)):
        response = post(fresh(request), "assign", by=dana, to=to)

        assert response["Location"] == url_of(request)
        assert request.steps.get(closed_at=None).assignee == assignee


def test_hands_over_to_nobody_outside_the_team(make_request, organisation, post):
    request = make_request()
    post(request, "decide", verdict="approve")

    response = post(fresh(request), "assign", by=organisation.hr[0], to=str(organisation.mira.pk))

    assert response.status_code == 422
    assert request.steps.get(closed_at=None).assignee is None


def test_extends_the_legal_deadline(make_request, organisation, post, make_jurisdiction):
    place = make_jurisdiction("US-CA")
    place.response_deadline_days = 45
    place.save()
    request = make_request()
    until = request.legal_due_on + timedelta(days=20)

    too_late = post(request, "delay", until="2030-01-01", text="It takes long.")
    done = post(request, "delay", until=str(until), text="It takes long.")

    assert (too_late.status_code, done.status_code) == (422, 302)
    assert "Choose a day after" in too_late.content.decode()
    assert fresh(request).legal_due_on == until


def test_revokes_with_notice(make_request, decide_all, organisation, post):
    request = decide_all(make_request())
    dana = organisation.hr[0]

    too_soon = post(request, "revoke", by=dana, last_day=str(TODAY), text="The work ended.")
    done = post(
        request, "revoke", by=dana, last_day=str(TODAY + timedelta(days=20)), text="It ended."
    )

    assert (too_soon.status_code, done.status_code) == (422, 302)
    assert "more notice" in too_soon.content.decode()
    assert fresh(request).state == State.REVOKED


# Where it leads


def test_decision_leads_to_the_next_case_and_says_what_was_done(
    make_request, organisation, post, client
):
    first = make_request()
    second = make_request(organisation.noor)

    response = post(first, "decide", verdict="approve")

    assert response["Location"] == url_of(second)
    assert "You approved the request of Mira Okafor." in client.get(url_of(second)).content.decode()


def test_what_a_reviewer_took_comes_before_the_rest_of_the_team(
    make_request, organisation, post, frozen_time
):
    first, second, taken = (
        make_request(person) for person in (organisation.mira, organisation.noor, organisation.mira)
    )
    for request in (first, second, taken):
        post(request, "decide", verdict="approve")
        frozen_time.shift(60)
    dana = organisation.hr[0]
    post(fresh(taken), "assign", by=dana, to=str(dana.pk))

    assert post(fresh(first), "decide", by=dana, verdict="approve")["Location"] == url_of(taken)
    assert post(fresh(taken), "decide", by=dana, verdict="approve")["Location"] == url_of(second)


def test_last_decision_leads_back_to_the_queue(make_request, post):
    assert post(make_request(), "decide", **DECLINE)["Location"] == reverse("review")


def test_what_waits_for_its_requester_is_not_next(make_request, organisation, post):
    asked, other = make_request(), make_request(organisation.noor)
    post(asked, "ask", text="Which work?")

    assert post(other, "decide", verdict="approve")["Location"] == reverse("review")


# Somebody was first


def test_stale_page_shows_who_was_first_and_keeps_what_was_typed(
    make_request, organisation, post, sign_in
):
    request = make_request()
    sign_in(organisation.jonas).get(url_of(request))
    conversation.add_statement(request=request, by=organisation.mira, text="One thing more.")

    with nothing_changes():
        response = post(request, "decide", **DECLINE)

    page = response.content.decode()
    assert response.status_code == 409
    assert "Mira Okafor wrote a message at 12:00" in page
    assert "One thing more." in page
    assert "It is not covered.</textarea>" in page
    assert f'name="seen" value="{fresh(request).version}" id="decline_seen"' in page


def test_what_was_typed_is_kept_where_nothing_is_to_decide_any_more(
    make_request, organisation, post, sign_in
):
    request = make_request()
    sign_in(organisation.jonas).get(url_of(request))
    submission.withdraw_request(request=request, by=organisation.mira)

    response = post(request, "decide", **DECLINE)

    page = response.content.decode()
    assert response.status_code == 409
    assert "Mira Okafor withdrew the request" in page
    assert "What you wrote; it was not sent" in page
    assert "It is not covered.</textarea>" in page
    assert fresh(request).state == State.WITHDRAWN


def test_step_of_somebody_else_is_refused(make_request, organisation, post):
    request = make_request()
    post(request, "decide", verdict="approve")

    response = post(fresh(request), "decide", verdict="approve")

    assert response.status_code == 403
    assert "This step waits for somebody else." in response.content.decode()
    assert request.decisions.count() == 1


def test_period_that_is_over_is_said(make_request, post, frozen_time):
    request = make_request(days=1)
    frozen_time.shift(timedelta(days=3))

    response = post(request, "decide", verdict="approve")

    assert response.status_code == 409
    assert "there is nothing left to approve" in response.content.decode()
