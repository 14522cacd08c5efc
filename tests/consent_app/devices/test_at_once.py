"""What happens to one person's devices at the same moment comes one after the other, unharmed.

The log has one writer at a time. Holding its lock lets two decisions come as far as they can; then
it is released, and neither may be waiting for what the other holds.
"""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consent_app.audit.actions import APPEND_LOCK
from consent_app.devices.actions import (
    issue_enrolment_code,
    receive_acknowledgement,
    revoke_device,
)
from consent_app.erasure.models import DeviceErasure
from consent_app.people.actions import load_jurisdictions
from consent_app.people.models import Employee, Jurisdiction
from consent_app.people.roles import Role
from consent_app.register.queries import application_slugs
from consent_app.restrictions.actions import start_pause, stop_programme
from consent_app.restrictions.errors import StoppedAlready
from consent_app.restrictions.models import ProgrammeStop
from consent_app.restrictions.queries import application_preference
from tests.exemption_fixtures import give_role

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"


def one_behind_the_other(*works):
    """Start the works in this order while nobody can write to the log; then let them go on."""

    def run(work):
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [APPEND_LOCK])
            running = []
            for number, work in enumerate(works, 1):
                running.append(pool.submit(run, work))
                wait_until_waiting(cursor, number)
        return [future.result() for future in running]


def wait_until_waiting(cursor, number):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        cursor.execute(WAITING)
        if cursor.fetchone()[0] == number:
            return
        time.sleep(0.02)
    pytest.fail(f"{number} were to wait for a lock")


@pytest.fixture
def pause(make_device):
    """Return a device and what starts a pause of its owner."""
    enrolled = make_device()
    person = Employee.objects.get(pk=enrolled.device.employee_id)
    return enrolled, lambda: start_pause(employee=person, by=person, minutes=5)


def test_pause_and_acknowledgement(pause):
    enrolled, start = pause
    jws = enrolled.acknowledgement()

    one_behind_the_other(start, lambda: receive_acknowledgement(device=enrolled.device, jws=jws))

    assert enrolled.device.acknowledgements.count() == 1
    assert enrolled.newest().state == "paused"


def test_pause_and_removal_of_the_device(pause):
    enrolled, start = pause
    person = enrolled.device.employee

    one_behind_the_other(start, lambda: revoke_device(device=enrolled.device, by=person))

    enrolled.device.refresh_from_db()
    assert enrolled.device.revoked_at is not None


def test_new_code_and_pause(pause):
    """The code's row refers to its owner, which is looked at when it commits."""
    enrolled, start = pause
    person = enrolled.device.employee

    one_behind_the_other(lambda: issue_enrolment_code(employee=person, by=person), start)

    assert enrolled.newest().state == "paused"


def test_new_law_and_acknowledgement(make_device):
    load_jurisdictions()
    enrolled = make_device()
    jws = enrolled.acknowledgement()
    Jurisdiction.objects.filter(pk="US-CA").update(acknowledgement_required=True)

    one_behind_the_other(
        lambda: call_command("load_jurisdictions", stdout=io.StringIO()),
        lambda: receive_acknowledgement(device=enrolled.device, jws=jws),
    )

    assert enrolled.device.acknowledgements.count() == 1
    assert enrolled.newest().version == 2


def signed_in(person) -> Client:
    """Return a browser; signing in writes the person's row, and would wait for its lock."""
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_two_applications_that_are_kept_out_at_once_both_stay_out(pause):
    enrolled, _ = pause
    person = Employee.objects.get(pk=enrolled.device.employee_id)
    slugs = sorted(application_slugs())[:2]

    clients = {slug: signed_in(person) for slug in slugs}

    def press(slug):
        return (
            clients[slug].post(reverse("preference-application"), {"application": slug}).status_code
        )

    answers = one_behind_the_other(*(partial(press, slug) for slug in slugs))

    assert answers == [302, 302]
    held = application_preference(person, at=timezone.now())
    assert sorted(held.applications) == slugs


def test_two_who_stop_the_same_at_once_stop_it_once(make_employee):
    people = [
        give_role(make_employee(role.label), role)
        for role in (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER)
    ]

    def stop(person):
        try:
            return stop_programme(by=person, reason="Not proven.").stopped_by
        except StoppedAlready:
            return None

    assert one_behind_the_other(*(partial(stop, person) for person in people)) == [people[0], None]
    assert ProgrammeStop.objects.count() == 1


def test_an_order_to_forget_awaits_no_device_that_is_removed_at_the_same_moment(pause):
    enrolled, _ = pause
    person = Employee.objects.get(pk=enrolled.device.employee_id)
    now = timezone.now()
    period = {"starts_at": now - timedelta(minutes=5), "ends_at": now}

    client = signed_in(person)

    def order():
        sent = {name: at.isoformat() for name, at in period.items()}
        return client.post(reverse("forget-confirm"), sent).status_code

    _, status = one_behind_the_other(
        lambda: revoke_device(device=enrolled.device, by=person), order
    )

    assert status == 302
    assert not DeviceErasure.objects.get().is_awaited
