"""Stopping the programme, and starting it again by two people."""

import re

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from consent_app.audit.models import Leaf
from consent_app.devices.queries import stops_for
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role, ensure_roles
from consent_app.restrictions import queries
from consent_app.restrictions.actions import (
    ask_restart,
    decline_restart,
    restart_programme,
    stop_programme,
)
from consent_app.restrictions.errors import (
    ApplicationUnknown,
    NothingToStart,
    RestartNeedsSecondPerson,
    RestartNotAsked,
    StopForbidden,
    StoppedAlready,
    StopReasonMissing,
)
from consent_app.restrictions.models import ProgrammeStop

REASON = "The controls are being looked at."


@pytest.fixture
def make_holder(make_employee, ceilings):
    def make(role: Role, **fields):
        person = make_employee(role.label, **fields)
        person.groups.add(ensure_roles()[role])
        return person

    return make


@pytest.fixture
def owner(make_holder):
    return make_holder(Role.PROGRAMME_OWNER)


@pytest.fixture
def legal(make_holder):
    return make_holder(Role.LEGAL_REVIEWER)


@pytest.fixture
def captured(ceilings):
    return ceilings[0].register.applications.captured().first()


def denied_to(person):
    """Return what a device in this person's place is told to leave out for everybody's sake."""
    return stops_for(person.jurisdiction, at=timezone.now())


def test_a_stop_for_everyone_reaches_every_place(owner, make_employee):
    elsewhere = make_employee(jurisdiction="US-NY")

    stop_programme(by=owner, reason=REASON)

    assert [deny.covers_everything for deny in denied_to(owner)] == [True]
    assert [deny.source for deny in denied_to(elsewhere)] == ["programme"]


def test_a_stop_for_a_place_leaves_the_others(owner, make_employee):
    elsewhere = make_employee(jurisdiction="US-NY")

    stop_programme(by=owner, reason=REASON, cohort=elsewhere.jurisdiction)

    assert denied_to(owner) == ()
    assert len(denied_to(elsewhere)) == 1


def test_a_stop_of_an_application_leaves_the_others(owner, captured):
    stop = stop_programme(by=owner, reason=REASON, application=captured.slug)

    assert stop.what == f"{captured.name}, for everyone"
    (deny,) = denied_to(owner)
    assert deny.applications == {captured.slug}
    assert not deny.covers_everything


def test_only_the_owner_and_legal_stop(make_holder, make_employee):
    others = [
        make_holder(role)
        for role in Role
        if role.value not in ("programme_owner", "legal_reviewer")
    ]

    for person in [*others, make_employee()]:
        with pytest.raises(StopForbidden):
            stop_programme(by=person, reason=REASON)
    assert not ProgrammeStop.objects.exists()


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 1001])
def test_a_stop_needs_a_reason(owner, reason):
    with pytest.raises(StopReasonMissing):
        stop_programme(by=owner, reason=reason)


def test_what_the_register_does_not_list_is_not_stopped(owner):
    with pytest.raises(ApplicationUnknown):
        stop_programme(by=owner, reason=REASON, application="nothing-like-it")


def test_the_same_is_stopped_once(owner, legal, captured):
    stop_programme(by=owner, reason=REASON)

    with pytest.raises(StoppedAlready):
        stop_programme(by=legal, reason=REASON)
    stop_programme(by=legal, reason=REASON, application=captured.slug)


def test_two_at_once_stop_the_same_once(owner):
    stop = stop_programme(by=owner, reason=REASON)
    restriction = stop.restriction
    restriction.pk = None
    restriction._state.adding = True
    restriction.save()
    stop.pk = None
    stop.restriction = restriction

    with pytest.raises(IntegrityError, match="stop_of_the_same_once"), transaction.atomic():
        stop.save(force_insert=True)


def test_starting_again_takes_a_second_person_and_a_reason(owner, legal):
    stop = stop_programme(by=owner, reason=REASON)

    with pytest.raises(RestartNotAsked):
        restart_programme(stop=stop, by=legal)
    with pytest.raises(StopReasonMissing):
        ask_restart(stop=stop, by=owner, reason=" ")
    ask_restart(stop=stop, by=owner, reason="They were found effective.")
    with pytest.raises(RestartNeedsSecondPerson):
        restart_programme(stop=stop, by=owner)
    assert denied_to(owner)

    restart_programme(stop=stop, by=legal)

    assert denied_to(owner) == ()
    assert queries.stops_in_force() == []
    with pytest.raises(NothingToStart):
        restart_programme(stop=stop, by=legal)


def test_the_database_wants_the_second_person_too(owner):
    stop = stop_programme(by=owner, reason=REASON)
    stop = ask_restart(stop=stop, by=owner, reason="They were found effective.")

    with (
        pytest.raises(IntegrityError, match="stop_restarted_by_a_second_person"),
        transaction.atomic(),
    ):
        ProgrammeStop.objects.filter(pk=stop.pk).update(
            restarted_by=owner, restarted_at=timezone.now()
        )


def test_what_was_asked_is_declined_and_asked_anew(owner, legal):
    stop = stop_programme(by=owner, reason=REASON)
    ask_restart(stop=stop, by=owner, reason="Too early.")

    decline_restart(stop=stop, by=legal)

    with pytest.raises(RestartNotAsked):
        restart_programme(stop=stop, by=legal)
    with pytest.raises(RestartNotAsked):
        decline_restart(stop=stop, by=legal)
    ask_restart(stop=stop, by=legal, reason="Now.")
    restart_programme(stop=stop, by=owner)
    assert denied_to(owner) == ()


def test_every_step_is_in_the_log_and_the_others_are_told(owner, legal):
    stop = stop_programme(by=owner, reason=REASON)
    ask_restart(stop=stop, by=owner, reason="Now.")
    decline_restart(stop=stop, by=legal)
    ask_restart(stop=stop, by=owner, reason="Now.")
    restart_programme(stop=stop, by=legal)

    logged = Leaf.objects.filter(event__startswith="programme.").order_by("index")
    assert [leaf.event.split(".")[1] for leaf in logged] == [
        "stopped",
        "restart_asked",
        "restart_declined",
        "restart_asked",
        "restarted",
    ]
    told = Notification.objects.order_by("owed_at").values_list("event", "recipient__name")
    assert list(told) == [
        ("programme_stopped", legal.name),
        ("restart_asked", legal.name),
        ("restart_asked", legal.name),
    ]


# Pages


def test_the_page_stops_for_everyone_and_the_banner_says_so_to_all(sign_in, owner, make_employee):
    client = sign_in(owner)

    response = client.post(reverse("stops"), {"what": "everyone", "reason": REASON}, follow=True)

    assert response.redirect_chain == [(reverse("stops"), 302)]
    page = sign_in(make_employee()).get(reverse("home")).content.decode()
    assert f"Why: {REASON}" in page
    assert re.search(r"Since <time [^>]+>\w+day \d", page)


def test_the_page_stops_a_place_or_an_application(sign_in, owner, captured):
    client = sign_in(owner)
    place = {"what": "cohort", "cohort": owner.jurisdiction_id, "reason": REASON}
    application = {"what": "application", "application": captured.slug, "reason": REASON}

    for posted in (place, application):
        assert client.post(reverse("stops"), posted).status_code == 302

    assert {stop.what for stop in queries.stops_in_force()} == {
        f"everything, for all who work in {owner.jurisdiction}",
        f"{captured.name}, for everyone",
    }


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({}, "Choose what stops."),
        ({"what": "everyone"}, "Say why."),
        ({"what": "cohort", "reason": REASON}, "Choose a place."),
        ({"what": "application", "reason": REASON}, "Choose an application."),
        ({"what": "cohort", "cohort": "XX", "reason": REASON}, "Select a valid choice"),
    ],
)
def test_what_is_not_complete_is_said_beside_its_field(sign_in, owner, posted, words):
    response = sign_in(owner).post(reverse("stops"), posted)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ProgrammeStop.objects.exists()


def test_what_is_stopped_already_is_refused_on_the_page(sign_in, owner):
    stop_programme(by=owner, reason=REASON)

    response = sign_in(owner).post(reverse("stops"), {"what": "everyone", "reason": REASON})

    assert response.status_code == 409
    assert "This is stopped already." in response.content.decode()


def test_two_people_start_it_again_on_the_page(client, sign_in, owner, legal):
    stop = stop_programme(by=owner, reason=REASON)

    asked = sign_in(owner).post(reverse("stop-restart", args=[stop.pk]), {"reason": "Now."})
    alone = client.post(reverse("stop-agree", args=[stop.pk]))
    agreed = sign_in(legal).post(reverse("stop-agree", args=[stop.pk]))

    assert (asked.status_code, alone.status_code, agreed.status_code) == (302, 409, 302)
    page = client.get(reverse("stops")).content.decode()
    assert "Nothing is stopped." in page
    assert "agreed by" in page


def test_an_auditor_reads_and_stops_nothing(sign_in, make_holder, owner):
    stop_programme(by=owner, reason=REASON)
    client = sign_in(make_holder(Role.AUDITOR))

    page = client.get(reverse("stops")).content.decode()
    stopped = client.post(reverse("stops"), {"what": "everyone", "reason": REASON})

    assert REASON in page
    assert "Stop it now" not in page
    assert stopped.status_code == 403
