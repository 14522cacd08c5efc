"""Somebody with an inbox, and messages in it."""

import pytest

from consent_app.notifications.actions import owe


@pytest.fixture
def mira(make_employee):
    return make_employee(email="mira@example.com", time_zone="America/New_York")


@pytest.fixture
def make_message():
    """Return a function that owes a message to somebody."""

    def make(person, event="device_enrolled", *, hostname="LAPTOP-1", context=None, **fields):
        message = owe(
            event, to=person, context={"hostname": hostname} if context is None else context
        )
        if fields:
            type(message).objects.filter(pk=message.pk).update(**fields)
            message.refresh_from_db()
        return message

    return make
