"""Which notices somebody was shown, and what they chose where they were free to."""

from consent_app.people.models import Employee
from consent_app.register.models import ConsentRecord, NoticeRecord
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    return Section(
        name="notices",
        title="Notices and choices",
        explanation=(
            "When you were shown which notice, and what you said to it. An acknowledgement says "
            "that you were told, and nothing else. The data file has the whole record of a choice."
        ),
        tables=[
            table_of(
                "notices", "Notices", NoticeRecord.objects.filter(employee=person).order_by("at"),
                "stage", "at", "language", "browser", "device", "digest",
                notice="notice__form", version="notice__version__number", only_data=["digest"],
            ),
            table_of(
                "choices", "Choices", ConsentRecord.objects.filter(employee=person).order_by("at"),
                "choice", "at", "record",
                notice="notice__form", version="notice__version__number", only_data=["record"],
            ),
        ],
    )  # fmt: skip
