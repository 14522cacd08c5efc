"""Which copies somebody asked for. What is in them is what this copy says."""

from consent_app.access.models import DataCopy
from consent_app.people.models import Employee
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    copies = DataCopy.objects.filter(employee=person).order_by("requested_at")
    return Section(
        name="copies",
        title="Copies like this one",
        explanation="Those that you asked for and that are still kept; this one is in the making.",
        tables=[
            table_of(
                "copies", "Copies", copies,
                "requested_at", "prepared_at", "failed_at", "expires_at", "size_bytes",
            )
        ],
    )  # fmt: skip
