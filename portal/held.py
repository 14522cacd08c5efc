"""What is held about somebody beside the rooms: how they sign in, and the log's entries.

The log's stand here because the sentences know the events of all rooms.
"""

from collections.abc import Iterator, Sequence

from consent_app.audit.models import Details, Leaf
from consent_app.audit.queries import events_about, events_by
from consent_app.people.models import Employee
from portal.lib.sections import ROWS_AT_ONCE, Section, Table, sources, table_of
from portal.record_words import sentence_of


def sign_in_section(person: Employee) -> Section:
    addresses = person.emailaddress_set  # type: ignore[attr-defined]  # allauth has no types
    return Section(
        name="sign-in",
        title="How you sign in",
        explanation=(
            "Addresses that sign-in keeps beside that of the directory. As a rule there are none."
        ),
        tables=[
            table_of(
                "addresses", "Addresses", addresses.order_by("pk"),
                "email", "verified", "primary",
            )
        ],
    )  # fmt: skip


def records_section(person: Employee) -> Section:
    return Section(
        name="records",
        title="What the log says of you",
        explanation=(
            "Every entry about you, as on the page “My records”, where each has a receipt; and, "
            "without saying about whom, what you did that is about others. The data file has the "
            "entries as they are hashed."
        ),
        tables=[
            Table(
                name="about_you",
                title="Entries about you",
                columns=(
                    "index", "at", "sentence", "event", "by_you", "actor", "subject", "details",
                    "commitment",
                ),
                rows=_about(person),
                sources=sources(Leaf, Details),
                only_data=frozenset({"event", "actor", "subject", "details", "commitment"}),
            ),
            table_of(
                "by_you", "What you did that is about others", events_by(person.pseudonym),
                "index", "at", "event",
            ),
        ],
    )  # fmt: skip


def _about(person: Employee) -> Iterator[Sequence[object]]:
    for leaf in events_about(person.pseudonym).iterator(chunk_size=ROWS_AT_ONCE):
        details = getattr(leaf, "details", None)
        yield (
            leaf.index,
            leaf.at,
            sentence_of(leaf),
            leaf.event,
            leaf.actor == leaf.person,
            leaf.actor,
            leaf.subject,
            details.content if details else None,
            bytes(leaf.commitment).hex(),
        )
