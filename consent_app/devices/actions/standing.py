"""What people say to notices, and what follows for their devices, in one transaction.

A policy is signed again exactly when what was said changes how the person stands; so a second click
signs nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from consent_app.devices.actions.policies import refresh_policies
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from consent_app.register.actions import notices
from consent_app.register.queries import notice_standing


def serve_notice(*, employee: Employee, digest: str, browser: str) -> None:
    """Keep that a text was shown. Where the law wants that each day, it allows today.

    Raises:
        NoticeChanged: no notice that is theirs has this text now.
    """
    with _signing_what_follows(employee) as (person, now):
        notices.serve_notice(employee=person, digest=digest, browser=browser, at=now)


def confirm_reading(
    *, employee: Employee, digest: str, browser: str, number: int | None = None
) -> None:
    """Keep that somebody says that they have read a text. Nothing else follows from it.

    `number` says of which version, where several have the same text.

    Raises:
        NoticeChanged: no notice that is theirs has this text now.
    """
    with _signing_what_follows(employee) as (person, now):
        notices.confirm_reading(
            employee=person, digest=digest, number=number, browser=browser, at=now
        )


def acknowledge_notice(*, employee: Employee, digest: str, browser: str) -> None:
    """Keep that somebody acknowledges that they were told, and tell their devices.

    Raises:
        NoticeChanged: what waits for their acknowledgement has another text now.
    """
    with _signing_what_follows(employee) as (person, now):
        notices.acknowledge_notice(employee=person, digest=digest, browser=browser, at=now)


def choose(*, employee: Employee, says_yes: bool, digest: str) -> None:
    """Keep a free choice, and tell their devices.

    Raises:
        NoChoiceHere: the law where they work leaves nothing to choose.
        NoticeChanged: a yes to a text that is not the one they are asked about now.
    """
    with _signing_what_follows(employee) as (person, now):
        notices.choose(employee=person, says_yes=says_yes, digest=digest, at=now)


@contextmanager
def _signing_what_follows(employee: Employee) -> Iterator[tuple[Employee, datetime]]:
    with transaction.atomic():
        now = timezone.now()
        person = lock_person(employee)
        before = notice_standing(person, at=now)
        yield person, now
        if notice_standing(person, at=now) != before:
            refresh_policies(employees=[person], at=now)
