"""Old messages are forgotten once they reached whom they were for, and not before."""

from datetime import timedelta

import pytest

from consent_app.notifications import retention, tasks
from consent_app.notifications.models import Notification
from tests.conftest import NOON

SOON = NOON + timedelta(minutes=1)
LONG_AGO = retention.KEPT_FOR + timedelta(seconds=1)


@pytest.fixture
def long_ago(frozen_time):
    """Let time pass until what was owed at NOON is old."""
    return lambda: frozen_time.shift(LONG_AGO)


@pytest.mark.parametrize(
    ("event", "fields", "kept"),
    [
        ("device_enrolled", {"mailed_at": SOON, "read_at": SOON}, False),
        ("device_enrolled", {"unwanted_at": SOON, "read_at": SOON}, False),
        ("device_enrolled", {"mailed_at": SOON}, True),
        ("device_enrolled", {"unwanted_at": SOON}, True),
        ("device_enrolled", {"read_at": SOON}, True),
        ("device_enrolled", {"failed_at": SOON, "read_at": SOON}, True),
        ("device_enrolled", {}, True),
        # Nobody can read what the inbox never shows.
        ("account_password_reset", {"mailed_at": SOON}, False),
        ("account_password_reset", {}, True),
        ("retired_event", {"mailed_at": SOON}, False),
    ],
)
def test_forgets_only_what_reached_its_person(mira, make_message, long_ago, event, fields, kept):
    make_message(mira, event, **fields)
    long_ago()

    tasks.forget()

    assert Notification.objects.exists() == kept


def test_keeps_everything_for_180_days(mira, make_message, frozen_time):
    make_message(mira, mailed_at=SOON, read_at=SOON)

    frozen_time.shift(timedelta(days=180))
    assert retention.forget_settled() == 0

    frozen_time.shift(timedelta(seconds=1))
    assert retention.forget_settled() == 1


def test_forgets_all_of_it_however_much_there_is(mira, make_message, long_ago, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        make_message(mira, mailed_at=SOON, read_at=SOON)
    kept = make_message(mira)
    long_ago()

    assert retention.forget_settled() == 5

    assert list(Notification.objects.all()) == [kept]
