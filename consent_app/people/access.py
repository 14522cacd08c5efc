"""What the directory says of somebody, and their account."""

from consent_app.people.models import Employee
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    return Section(
        name="person",
        title="Who you are here",
        explanation=(
            "From your employer's directory, and your account. The log knows you by the pseudonym "
            "alone."
        ),
        tables=[
            table_of(
                "person", "You", Employee.objects.filter(pk=person.pk),
                "name", "email", "employee_number", "time_zone", "locale", "is_active",
                "joined_at", "pseudonym", "session_epoch",
                place="jurisdiction__name", line_manager="line_manager__name",
                last_signed_in="last_login", only_data=["session_epoch"],
            ),
            table_of("roles", "Your roles", person.groups.order_by("name"), "name"),
            table_of("reports", "Who reports to you", person.reports.all(), "name"),
        ],
    )  # fmt: skip
