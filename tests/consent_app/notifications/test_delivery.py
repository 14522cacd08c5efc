"""Owing a message and mailing it: once, by whoever comes first, also when the broker is away."""

import os
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction
from django.utils import timezone

from consent_app.notifications import delivery, tasks
from consent_app.notifications.actions import owe
from consent_app.notifications.catalogue import ENTRIES, Kind
from consent_app.notifications.models import Notification
from consent_app.notifications.queries import waiting
from tests.conftest import NOON

EVENTS = ["device_enrolled", "device_removed", "enrolment_code_reused", "device_contradicts"]

OF_REQUESTS = sorted(
    event for event, entry in ENTRIES.items() if entry.kind in (Kind.REQUESTS, Kind.REVIEW)
)
ABOUT_A_REQUEST = {
    "request": "00000000-0000-4000-8000-000000000000", "ends_on": "2026-12-24", "days": 30,
    "waiting": 4, "due_soon": 2, "overdue": 1, "from_name": "Dana Ortiz", "name": "Dana Ortiz",
    "starts_on": "2026-11-23",
}  # fmt: skip


class RefusingServer(EmailBackend):
    """A mail server that is away."""

    def send_messages(self, messages):
        raise ConnectionRefusedError


@pytest.fixture
def mail_server_away(settings):
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.RefusingServer"}}


def owe_one(person, event="device_enrolled", **context):
    return owe(event, to=person, context={"hostname": "LAPTOP-1", **context})


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_its_mail(mira, event, settings):
    delivery.mail(owe_one(mira, event).pk)

    [message] = mail.outbox
    assert message.to == ["mira@example.com"]
    assert "\n" not in message.subject
    html = message.alternatives[0].content
    for text in (message.body, html):
        assert f"{settings.PORTAL_ORIGIN}/devices/" in text
    assert "<" not in message.body
    assert '<html lang="en-GB"' in html


@pytest.mark.parametrize("event", OF_REQUESTS)
def test_mail_about_a_request_holds_what_it_says_and_the_way_there(mira, event, settings):
    owed = owe(event, to=mira, context=ABOUT_A_REQUEST)

    delivery.mail(owed.pk)

    [message] = mail.outbox
    html = message.alternatives[0].content
    for text in (message.body, html):
        assert f"{settings.PORTAL_ORIGIN}{owed.address}" in text
    assert not {"<", "{"} & {*message.body, *message.subject}
    assert '<html lang="en-GB"' in html


def test_name_of_a_device_can_do_no_harm_in_a_mail(mira):
    delivery.mail(owe_one(mira, hostname="<img src=x onerror=alert(1)>").pk)

    [message] = mail.outbox
    assert "<img" not in message.alternatives[0].content
    assert "<img src=x" in message.body


def test_mailed_once_however_often_it_is_asked(mira):
    owed = owe_one(mira)

    answers = [delivery.mail(owed.pk) for _ in range(3)]

    assert answers == [True, False, False]
    assert len(mail.outbox) == 1


def test_claimed_row_is_left_to_its_worker(mira):
    owed = owe_one(mira)
    Notification.objects.update(claimed_until=timezone.now() + timedelta(minutes=1))

    assert not delivery.mail(owed.pk)
    assert not mail.outbox


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_with_the_same_row_exactly_one_mails(mira):
    owed = owe_one(mira)
    barrier, answers = threading.Barrier(8), []

    def work():
        try:
            barrier.wait(10)
            answers.append(delivery.mail(owed.pk))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(answers) == [False] * 7 + [True]
    assert len(mail.outbox) == 1
    assert Notification.objects.get().attempts == 1


class SlowAndFailing(EmailBackend):
    """So slow that another worker takes the row over and mails it; then the connection breaks."""

    def send_messages(self, messages):
        Notification.objects.update(mailed_at=NOON)
        raise ConnectionResetError


class SlowAndSending(EmailBackend):
    """So slow that another worker takes the row over and gives up; then the mail leaves."""

    def send_messages(self, messages):
        Notification.objects.update(failed_at=NOON)
        return super().send_messages(messages)


def test_worker_that_fails_late_takes_nothing_back(mira, settings):
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.SlowAndFailing"}}
    owed = owe_one(mira)
    Notification.objects.update(attempts=delivery.MAX_ATTEMPTS - 1)

    assert not delivery.mail(owed.pk)

    owed.refresh_from_db()
    assert (owed.mailed_at, owed.failed_at) == (NOON, None)


def test_mail_that_left_late_counts_as_mailed(mira, settings):
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.SlowAndSending"}}
    owed = owe_one(mira)

    assert delivery.mail(owed.pk)

    owed.refresh_from_db()
    assert owed.mailed_at is not None
    assert owed.failed_at is None


def test_row_of_a_dead_worker_is_taken_over(mira, frozen_time):
    owe_one(mira)
    Notification.objects.update(claimed_until=NOON + timedelta(minutes=2), attempts=1)
    frozen_time.shift(timedelta(minutes=3))

    tasks.sweep()

    assert len(mail.outbox) == 1
    assert Notification.objects.get().mailed_at == NOON + timedelta(minutes=3)


def test_sweeper_gives_the_hint_a_head_start(mira, frozen_time):
    owe_one(mira)

    assert not waiting(limit=10)

    frozen_time.shift(timedelta(seconds=10))
    assert len(waiting(limit=10)) == 1


def test_waits_longer_after_each_failure_and_gives_up_visibly(mira, frozen_time, mail_server_away):
    owed = owe_one(mira)
    frozen_time.shift(timedelta(seconds=10))
    waits = []

    for _ in range(delivery.MAX_ATTEMPTS):
        assert not delivery.mail(owed.pk)
        owed.refresh_from_db()
        waits.append(owed.claimed_until - timezone.now())
        frozen_time.move_to(owed.claimed_until + timedelta(seconds=1))

    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=30)
    assert owed.failed_at is not None
    assert owed.mailed_at is None
    assert not waiting(limit=10)


def test_message_at_fault_holds_up_no_other_and_is_given_up(mira, frozen_time, caplog):
    faulty = owe_one(mira, "no_such_event")
    owe_one(mira)
    frozen_time.shift(timedelta(seconds=10))

    for _ in range(delivery.MAX_ATTEMPTS + 1):
        tasks.sweep()
        frozen_time.shift(delivery.CLAIM + timedelta(seconds=1))

    faulty.refresh_from_db()
    assert faulty.failed_at is not None
    assert not waiting(limit=10)
    assert len(mail.outbox) == 1
    assert caplog.text.count("is at fault") == delivery.MAX_ATTEMPTS


def test_notification_disappears_with_its_transaction(mira):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        owe_one(mira)
        raise ZeroDivisionError

    assert not Notification.objects.exists()


OWE_ELSEWHERE = """
import time
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
began = time.monotonic()
owe("device_removed", to=Employee.objects.get(), context={"hostname": "LAPTOP-1"})
print(time.monotonic() - began)
"""


@pytest.mark.django_db(transaction=True)
def test_broker_away_neither_fails_nor_delays_the_decision(mira):
    database = connection.settings_dict
    address = os.environ["DATABASE_URL"].rsplit("/", 1)[0] + "/" + database["NAME"]
    nobody = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": address}

    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", OWE_ELSEWHERE],
        env=os.environ | nobody,
        capture_output=True,
        text=True,
        check=True,
    )

    assert Notification.objects.count() == 1
    assert float(done.stdout) < 2
    assert "waits for the sweeper" in done.stderr


def test_days_are_told_in_words(mira):
    owed = owe("exemption_expiring", to=mira, context=ABOUT_A_REQUEST)

    delivery.mail(owed.pk)

    assert "ends on Thursday 24 December 2026." in owed.sentence
    assert "ends on Thursday 24 December 2026." in mail.outbox[0].body
