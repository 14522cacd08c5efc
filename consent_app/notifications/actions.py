"""Owing a message to somebody, reading it, and choosing what is mailed."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications import catalogue, events, queries, tasks
from consent_app.notifications.models import MailPreference, Notification
from consent_app.people.models import Employee

BATCH = 2_000


def owe(event: str, *, to: Employee, context: Mapping[str, object] | None = None) -> Notification:
    """Write the row in the caller's transaction; after its commit a worker is told.

    `event` needs an entry in the catalogue. `context` must be JSON and must not hold anything
    that may not stand in a mail.
    """
    notification = Notification.objects.create(
        recipient=to, event=event, context=dict(context or {}), owed_at=timezone.now()
    )
    transaction.on_commit(lambda: tasks.hint(notification.pk))
    return notification


def owe_each(event: str, contexts: Mapping[Employee, Mapping[str, object]]) -> list[Notification]:
    """Owe one event to many people, each with a context of their own, as `owe` does to one."""
    now = timezone.now()
    owed = Notification.objects.bulk_create(
        (
            Notification(recipient=person, event=event, context=dict(context), owed_at=now)
            for person, context in contexts.items()
        ),
        batch_size=BATCH,
    )
    transaction.on_commit(lambda: _hint_all(owed))
    return owed


def mark_read(message: Notification) -> None:
    """Note when the message was first read; a second time changes nothing."""
    unread = Notification.objects.unread().filter(pk=message.pk)
    unread.update(read_at=timezone.now())
    message.refresh_from_db(fields=["read_at"])


def mark_all_read(*, employee: Employee, seen_at: datetime) -> None:
    """Mark what was in the inbox at `seen_at`; what came since stays unread."""
    seen = queries.inbox_of(employee).unread().filter(owed_at__lte=seen_at)
    seen.update(read_at=timezone.now())


@transaction.atomic
def choose_mails(*, employee: Employee, by: Employee, kinds: Collection[str]) -> None:
    """Mail from now on, of the kinds of choice, only `kinds`. Nothing else can be switched off."""
    now = timezone.now()
    # Lock the person: a first preference has no row yet that two tabs could wait for.
    Employee.objects.select_for_update(no_key=True).get(pk=employee.pk)
    mailed = queries.mailed_kinds(employee)
    for kind in catalogue.kinds_of_choice():
        wanted = kind in kinds
        if wanted == (kind in mailed):
            continue
        preference, _created = MailPreference.objects.update_or_create(
            employee=employee, kind=kind, defaults={"wants_mail": wanted}
        )
        record(
            events.MAIL_CHANGED, actor=by, subject=preference, at=now, person=employee,
            details={"kind": kind.value, "wants_mail": wanted},
        )  # fmt: skip


def _hint_all(owed: Collection[Notification]) -> None:
    for notification in owed:
        if not tasks.hint(notification.pk):
            return  # the sweeper finds the others, too
