"""Choosing which messages are mailed: what can be switched off, from when on, and what never."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction

from consent_app.audit.models import Leaf
from consent_app.notifications import catalogue, delivery, tasks
from consent_app.notifications.actions import choose_mails
from consent_app.notifications.catalogue import ENTRIES
from consent_app.notifications.models import MailPreference, Notification
from tests.conftest import NOON

PAGE = "/inbox/preferences"
OTHERS = [kind for kind in catalogue.kinds_of_choice() if kind != "devices"]
ALWAYS = sorted(event for event, entry in ENTRIES.items() if not entry.can_stop_mail)


def switch_off(person):
    choose_mails(employee=person, by=person, kinds=OTHERS)


def switch_on(person):
    choose_mails(employee=person, by=person, kinds=["devices", *OTHERS])


def changes():
    entries = Leaf.objects.filter(event="preference.mail_changed").order_by("index")
    return [leaf.details.content for leaf in entries]


# Delivery


def test_what_is_switched_off_is_not_mailed_and_stays_in_the_inbox(
    sign_in, mira, make_message, frozen_time
):
    switch_off(mira)
    message = make_message(mira, "device_removed")

    assert not delivery.mail(message.pk)

    message.refresh_from_db()
    assert (message.unwanted_at, message.mailed_at, message.failed_at) == (NOON, None, None)
    assert not mail.outbox
    assert "LAPTOP-1 was removed" in sign_in(mira).get("/inbox/").content.decode().replace(
        '<span class="whole">LAPTOP-1</span>', "LAPTOP-1"
    )


def test_switching_off_also_holds_for_mails_that_wait(mira, make_message, frozen_time):
    make_message(mira, "device_removed")
    frozen_time.shift(timedelta(minutes=1))
    switch_off(mira)

    tasks.sweep()

    assert not mail.outbox
    assert Notification.objects.get().unwanted_at == NOON + timedelta(minutes=1)


def test_switching_on_again_mails_what_comes_and_nothing_of_the_time_between(
    mira, make_message, frozen_time
):
    switch_off(mira)
    delivery.mail(make_message(mira, "device_removed", hostname="OLD").pk)
    switch_on(mira)
    make_message(mira, "device_removed", hostname="NEW")
    frozen_time.shift(timedelta(minutes=5))

    tasks.sweep()

    assert [message.subject for message in mail.outbox] == ["NEW was removed from your devices"]


@pytest.mark.parametrize("event", ALWAYS)
def test_security_matters_are_mailed_whatever_is_switched_off(mira, make_message, event):
    switch_off(mira)
    MailPreference.objects.update_or_create(
        employee=mira, kind=ENTRIES[event].kind, defaults={"wants_mail": False}
    )

    assert delivery.mail(make_message(mira, event).pk)

    assert len(mail.outbox) == 1


def test_one_persons_choice_is_nobody_elses(mira, make_employee, make_message):
    switch_off(make_employee("Tom Berg"))

    assert delivery.mail(make_message(mira).pk)


# The page


def test_everything_is_mailed_until_somebody_chooses(sign_in, mira):
    page = sign_in(mira).get(PAGE).content.decode()

    assert 'value="devices" id="id_kinds_0" checked' in page
    assert "a device of yours is removed" in page
    assert not MailPreference.objects.exists()


def test_says_what_is_always_mailed_and_why(sign_in, mira):
    page = sign_in(mira).get(PAGE).content.decode()

    for event in ALWAYS:
        when = ENTRIES[event].when.replace("'", "&#x27;")
        assert f"<li>{when[0].upper()}{when[1:]}.</li>" in page
    assert "the only sign that somebody else uses your account" in page


def test_choice_is_kept_shown_and_logged(sign_in, mira):
    client = sign_in(mira)

    page = client.post(PAGE, {"kinds": OTHERS}, follow=True).content.decode()

    assert "Saved." in page
    assert 'value="devices" id="id_kinds_0">' in page
    assert page.count("checked") == len(OTHERS)
    assert changes() == [{"kind": "devices", "wants_mail": False}]
    assert Leaf.objects.get(event="preference.mail_changed").person == mira.pseudonym
    again = client.post(PAGE, {"kinds": ["devices", *OTHERS]}, follow=True)
    assert 'value="devices" id="id_kinds_0" checked' in again.content.decode()
    assert changes()[1:] == [{"kind": "devices", "wants_mail": True}]


def test_choosing_the_same_again_writes_nothing(sign_in, mira):
    client = sign_in(mira)
    client.post(PAGE, {"kinds": OTHERS})

    client.post(PAGE, {"kinds": OTHERS})

    assert len(changes()) == 1


def test_all_can_be_switched_off_at_once(sign_in, mira):
    page = sign_in(mira).post(PAGE, {}, follow=True).content.decode()

    assert "checked" not in page
    assert {(change["kind"], change["wants_mail"]) for change in changes()} == {
        ("devices", False), ("programme", False), ("requests", False), ("review", False)
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["account", "security", "' OR 1=1 --", "\0", "devices,account"])
def test_refuses_what_can_not_be_chosen(sign_in, mira, kind):
    switch_off(mira)

    response = sign_in(mira).post(PAGE, {"kinds": ["devices", kind]})

    assert response.status_code == 422
    assert "This can&#x27;t be chosen. Nothing was changed." in response.content.decode()
    assert len(changes()) == 1
    assert not MailPreference.objects.get().wants_mail


# What must never be


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_make_one_preference_and_one_entry(mira):
    barrier = threading.Barrier(8)

    def choose():
        try:
            barrier.wait(10)
            switch_off(mira)
        finally:
            connection.close()

    tabs = [threading.Thread(target=choose) for _ in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()

    assert MailPreference.objects.count() == 1
    assert changes() == [{"kind": "devices", "wants_mail": False}]


def test_database_refuses_a_second_preference_of_a_kind(mira):
    switch_off(mira)

    with pytest.raises(IntegrityError), transaction.atomic():
        MailPreference.objects.create(employee=mira, kind="devices", wants_mail=True)


@pytest.mark.parametrize(
    "outcomes",
    [
        ("mailed_at", "failed_at"), ("mailed_at", "unwanted_at"), ("failed_at", "unwanted_at"),
        ("mailed_at", "failed_at", "unwanted_at"),
    ],
)  # fmt: skip
def test_database_refuses_a_mail_that_ended_in_two_ways(mira, make_message, outcomes):
    make_message(mira)

    with pytest.raises(IntegrityError, match="one_outcome"), transaction.atomic():
        Notification.objects.update(**dict.fromkeys(outcomes, NOON))
