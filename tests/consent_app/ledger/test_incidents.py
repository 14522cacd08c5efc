"""What devices report undeclared: one incident each, for everybody to see until it is explained."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from consent_app.audit.models import Details, Leaf
from consent_app.ledger import rules
from consent_app.ledger.actions import close_incident
from consent_app.ledger.actions.incidents import open_incidents
from consent_app.ledger.errors import ExplanationMissing, IncidentClosedAlready, IncidentForbidden
from consent_app.ledger.models import Incident, IncidentDevice
from consent_app.ledger.queries.incidents import incidents_shown
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role, ensure_roles
from tests.conftest import NOON
from tests.consent_app.ledger.conftest import at_once

SPYING = ("slack", "microphone")
WHY = "A test build of the agent. It was taken back the same day."


@pytest.fixture
def holder(make_employee, frozen_time):
    def make(role):
        person = make_employee(role.label)
        person.groups.add(ensure_roles()[role])
        return person

    return make


@pytest.fixture
def owner(holder):
    return holder(Role.PROGRAMME_OWNER)


@pytest.fixture
def legal(holder):
    return holder(Role.LEGAL_REVIEWER)


@pytest.fixture
def laptop(make_device, frozen_time):
    return make_device(hostname="CANARY-LAPTOP")


def reported(device, *pairs, at=NOON):
    open_incidents(device=device.device, undeclared=pairs or [SPYING], at=at)
    return Incident.objects.get(application=(pairs or [SPYING])[0][0])


def opened_events():
    return list(Leaf.objects.filter(event="incident.opened"))


# Opening


def test_opens_one_incident_for_the_same_thing_and_counts_devices_once(laptop, make_device):
    other = make_device(hostname="LAPTOP-2")

    for number, device in enumerate((laptop, laptop, other)):
        incident = reported(device, at=NOON + timedelta(minutes=number))

    assert incident.devices == 2
    assert (incident.first_seen_at, incident.last_seen_at) == (NOON, NOON + timedelta(minutes=2))
    assert len(opened_events()) == 1


def test_tells_the_owner_and_legal_once(laptop, owner, legal):
    for _ in range(2):
        reported(laptop)

    told = Notification.objects.filter(event="incident_opened")
    assert {message.recipient for message in told} == {owner, legal}
    assert told.count() == 2


def test_nothing_that_is_written_says_whose_device_it_was(laptop, owner):
    reported(laptop)

    [leaf] = opened_events()
    written = f"{Details.objects.get(leaf=leaf).content} {leaf.person} {leaf.subject}"
    message = Notification.objects.get(event="incident_opened")
    assert leaf.person is None
    for secret in (laptop.device.hostname, str(laptop.device.pk), laptop.device.employee.name):
        assert secret not in f"{written} {message.context}"


def test_one_device_fills_nobodys_page(laptop, frozen_time):
    pairs = [(f"made-up-{number}", "keystrokes") for number in range(9)]

    reported(laptop, *pairs)

    assert Incident.objects.count() == rules.MOST_INCIDENTS_OF_A_DEVICE
    open_incidents(device=laptop.device, undeclared=pairs, at=NOON + timedelta(hours=23))
    assert Incident.objects.count() == rules.MOST_INCIDENTS_OF_A_DEVICE
    open_incidents(device=laptop.device, undeclared=pairs[5:], at=NOON + timedelta(hours=25))
    assert Incident.objects.count() == 9


def test_after_it_was_closed_the_same_thing_is_a_new_incident(laptop, owner):
    first = close_incident(incident=reported(laptop), by=owner, explanation=WHY)

    open_incidents(device=laptop.device, undeclared=[SPYING], at=NOON)

    assert Incident.objects.unexplained().exclude(pk=first.pk).count() == 1
    assert len(opened_events()) == 2


@pytest.mark.django_db(transaction=True)
def test_devices_that_report_at_once_open_one_incident(make_device):
    devices = [make_device(hostname=f"LAPTOP-{number}").device for number in range(4)]

    at_once(
        *(
            lambda device=device: open_incidents(device=device, undeclared=[SPYING], at=NOON)
            for device in devices
        )
    )

    assert Incident.objects.get().devices == 4
    assert len(opened_events()) == 1


def test_the_database_knows_no_closed_incident_without_explanation(laptop, owner):
    incident = reported(laptop)

    refused = pytest.raises(IntegrityError, match="incident_closed_with_explanation")
    with refused, transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(closed_at=NOON, closed_by=owner)


# Closing


@pytest.mark.parametrize("role", [Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER])
def test_owner_and_legal_close_it_and_forget_whose_devices_they_were(laptop, holder, role):
    person, incident = holder(role), reported(laptop)

    closed = close_incident(incident=incident, by=person, explanation=f"  {WHY} ")

    assert (closed.explanation, closed.closed_by, closed.devices) == (WHY, person, 1)
    assert not IncidentDevice.objects.exists()
    leaf = Leaf.objects.get(event="incident.closed")
    assert Details.objects.get(leaf=leaf).content["explanation"] == WHY


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.HR_REVIEWER, Role.IT_ADMINISTRATOR])
def test_nobody_else_closes_it(laptop, holder, role):
    incident = reported(laptop)

    with pytest.raises(IncidentForbidden):
        close_incident(incident=incident, by=holder(role), explanation=WHY)

    assert Incident.objects.unexplained().exists()


@pytest.mark.parametrize("explanation", ["", "  ", "x" * 2001])
def test_closing_needs_an_explanation(laptop, owner, explanation):
    incident = reported(laptop)

    with pytest.raises(ExplanationMissing):
        close_incident(incident=incident, by=owner, explanation=explanation)

    assert Incident.objects.unexplained().exists()


def test_it_is_closed_once(laptop, owner, legal):
    incident = reported(laptop)
    close_incident(incident=incident, by=owner, explanation=WHY)

    with pytest.raises(IncidentClosedAlready):
        close_incident(incident=incident, by=legal, explanation="Otherwise.")

    assert Incident.objects.get().explanation == WHY


# Pages


def test_everybody_sees_it_until_it_is_explained_and_90_days_more(
    laptop, owner, make_employee, sign_in, frozen_time
):
    client = sign_in(make_employee("Somebody Else"))
    incident = reported(laptop)

    page = client.get(reverse("register"))
    assertions = ("Microphone in slack", "on 1 device", "Not explained yet")
    assert all(words in page.content.decode() for words in assertions)
    assert "CANARY-LAPTOP" not in page.content.decode()

    close_incident(incident=incident, by=owner, explanation=WHY)
    page = client.get(reverse("register"))
    assert WHY in page.content.decode()
    assert owner.name not in page.content.decode()

    frozen_time.shift(timedelta(days=90))
    assert WHY not in client.get(reverse("register")).content.decode()


def test_no_incident_that_waits_is_left_out_however_many_there_are(make_device, owner):
    """Otherwise making many would hide the one that matters."""
    first = reported(make_device(), ("first", "microphone"))
    many = [
        Incident(
            application=f"app-{number}",
            kind="microphone",
            first_seen_at=NOON + timedelta(minutes=1),
            last_seen_at=NOON + timedelta(minutes=1),
        )
        for number in range(60)
    ]
    Incident.objects.bulk_create(many)
    explained = reported(make_device(), ("last", "microphone"))
    close_incident(incident=explained, by=owner, explanation=WHY)

    shown = incidents_shown(at=NOON)

    assert shown[-2] == first
    assert shown[-1] == explained
    assert len(shown) == 62


def test_without_an_incident_the_page_says_nothing_of_it(make_device, make_employee, sign_in):
    make_device()

    page = sign_in(make_employee()).get(reverse("register"))

    assert 'id="incidents"' not in page.content.decode()


def test_the_owner_closes_it_on_the_page(laptop, owner, sign_in):
    client, incident = sign_in(owner), reported(laptop)
    address = reverse("incident-close", args=[incident.pk])

    empty = client.post(address, {"explanation": " "})
    done = client.post(address, {"explanation": WHY}, follow=True)
    again = client.post(address, {"explanation": "Otherwise."})

    assert (empty.status_code, done.status_code, again.status_code) == (422, 200, 409)
    assert "Say what happened" in empty.content.decode()
    assert WHY in done.content.decode()
    assert "closed this incident already" in again.content.decode()


def test_the_auditor_reads_and_closes_nothing(laptop, holder, sign_in):
    client, incident = sign_in(holder(Role.AUDITOR)), reported(laptop)

    page = client.get(reverse("incidents"))
    refused = client.post(reverse("incident-close", args=[incident.pk]), {"explanation": WHY})

    assert "Microphone in slack" in page.content.decode()
    assert "<textarea" not in page.content.decode()
    assert refused.status_code == 403


def test_nobody_else_opens_the_page(laptop, make_employee, sign_in):
    reported(laptop)

    assert sign_in(make_employee()).get(reverse("incidents")).status_code == 403
