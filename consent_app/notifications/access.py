"""Which messages somebody was sent, and which they want by mail."""

from collections.abc import Iterator, Sequence

from consent_app.notifications.models import MailPreference, Notification
from consent_app.people.models import Employee
from portal.lib.sections import ROWS_AT_ONCE, Section, Table, sources, table_of

COLUMNS = ("message", "owed_at", "read_at", "mailed_at", "event")


def section(person: Employee) -> Section:
    return Section(
        name="messages",
        title="Messages to you",
        explanation=(
            "What your inbox says or said, for half a year. Of a mail that lets you set a "
            "password only the time is given: its link opens your account."
        ),
        tables=[
            Table(
                name="messages",
                title="Messages",
                columns=COLUMNS,
                rows=_messages(person),
                sources=sources(Notification),
                only_data=frozenset({"event"}),
            ),
            table_of(
                "mail", "Which kinds are mailed",
                MailPreference.objects.filter(employee=person).order_by("kind"),
                "kind", "wants_mail",
            ),
        ],
    )  # fmt: skip


def _messages(person: Employee) -> Iterator[Sequence[object]]:
    owed = Notification.objects.filter(recipient=person).order_by("owed_at", "pk")
    for one in owed.iterator(chunk_size=ROWS_AT_ONCE):
        yield one.sentence, one.owed_at, one.read_at, one.mailed_at, one.event
