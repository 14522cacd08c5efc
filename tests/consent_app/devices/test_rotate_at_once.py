"""Two who rotate one key at the same moment: the second is refused, and no device is locked out."""

import threading
import time

import pytest
from django.db import connection, transaction

from consent_app.audit.actions import record
from consent_app.devices import events
from consent_app.devices.actions.keys import rotate_key, sign_keys
from consent_app.devices.errors import KeyNotAnnounced
from consent_app.people.queries import system_user
from portal.lib.keys import signing_key

WAITING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def wait_for(count: int) -> None:
    """Wait until so many transactions stand still."""
    ends_at = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < ends_at:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone() == (count,):
                return
            time.sleep(0.05)
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_rotate_at_once_the_second_is_refused(keys):
    named = sign_keys(by=system_user())
    outcomes = []

    def rotate():
        try:
            outcomes.append(rotate_key(role="policy", by=system_user(), in_haste=True))
        except KeyNotAnnounced:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=rotate) for _ in range(2)]
    with transaction.atomic():
        # Whoever writes to the log waits until here.
        record(events.KEYS_SIGNED, actor=system_user(), subject=named, at=named.signed_at)
        for thread in threads:
            thread.start()
        wait_for(2)
    for thread in threads:
        thread.join(10)

    assert sorted(outcomes, key=len) == ["refused", signing_key("policy").kid]
