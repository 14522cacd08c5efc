"""What protects somebody's own address."""

from consent_agent.protocol.counterparties import normalise_entry
from consent_app.contacts.models import ListEntry, Objection, OwedMail
from consent_app.people.models import Employee
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    address = normalise_entry(person.email) or ""
    return Section(
        name="contacts",
        title="Your address in other people's communication",
        explanation=(
            "Whether your words are left out where others are collected from, because you "
            "objected or because legal listed your address."
        ),
        tables=[
            table_of(
                "objection", "Your objection", Objection.objects.filter(address=address),
                "address", "objected_at",
            ),
            table_of(
                "list", "On the list that legal keeps",
                ListEntry.objects.filter(entry=address).order_by("added_at"),
                "entry", "added_at", "ended_at",
            ),
            table_of(
                "mails", "Mails that have not left yet", OwedMail.objects.filter(address=address),
                "address", "kind", "owed_at",
            ),
        ],
    )  # fmt: skip
