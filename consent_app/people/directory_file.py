"""Reads a directory file and says what is wrong with it on its own, line by line.

What is wrong only together with the employees already known is found in `actions.directory`.
"""

import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from consent_app.people.errors import Problem
from consent_app.people.models import SYSTEM_NUMBER
from consent_app.people.roles import Role
from consent_app.people.rules import is_locale, normalise_email
from consent_app.people.tables import Row, read_table

REQUIRED = (
    "employee_number", "name", "email", "manager_number", "jurisdiction", "time_zone", "locale",
)  # fmt: skip
OPTIONAL = ("roles",)


@dataclass(frozen=True)
class Person:
    """One row. `roles` is None when the file has no such column: then nobody's roles change."""

    line: int
    number: str
    name: str
    email: str
    manager: str | None
    jurisdiction: str
    time_zone: str
    locale: str
    roles: frozenset[str] | None


def read_directory(path: Path) -> tuple[list[Person], list[Problem]]:
    """Return the people of the file in its order, and everything that is wrong in it."""
    table = read_table(path, required=REQUIRED, optional=OPTIONAL)
    people = [_person(row, has_roles="roles" in table.columns) for row in table.rows]
    zones = zoneinfo.available_timezones()
    problems = list(table.problems)
    for person in people:
        problems += [Problem(person.line, message) for message in _wrong(person, zones)]
    problems += _doubles(people, lambda person: person.number, "employee number")
    problems += _doubles(people, lambda person: person.email, "e-mail address")
    return people, problems


def _person(row: Row, *, has_roles: bool) -> Person:
    roles = row["roles"].split(";") if has_roles else []
    return Person(
        line=row.line,
        number=row["employee_number"],
        name=normalize("NFC", row["name"]),
        email=normalise_email(row["email"]),
        manager=row["manager_number"] or None,
        jurisdiction=row["jurisdiction"].upper(),
        time_zone=row["time_zone"],
        locale=row["locale"],
        roles=frozenset(role.strip() for role in roles if role.strip()) if has_roles else None,
    )


def _wrong(person: Person, zones: set[str]) -> Iterable[str]:
    if not 0 < len(person.number) <= 40:
        yield "The employee number is empty or longer than 40 characters."
    if person.number == SYSTEM_NUMBER:
        yield f"The employee number {SYSTEM_NUMBER} belongs to the portal itself."
    if not 0 < len(person.name) <= 120:
        yield "The name is empty or longer than 120 characters."
    if not _is_email(person.email):
        yield f"{person.email!r} is no e-mail address."
    if person.time_zone not in zones:
        yield f"{person.time_zone!r} is no time zone of the IANA database, such as Europe/Berlin."
    if not is_locale(person.locale):
        yield f"{person.locale!r} is no locale such as en or en-GB."
    for role in sorted((person.roles or frozenset()) - frozenset(Role.values)):
        yield f"{role!r} is no role; there are {', '.join(Role.values)}."


def _is_email(address: str) -> bool:
    try:
        validate_email(address)
    except ValidationError:
        return False
    # The database compares in lower case, which full case folding leaves in all but odd scripts.
    return len(address) <= 254 and address == address.lower()


def _doubles(
    people: Iterable[Person], key: Callable[[Person], str], meaning: str
) -> Iterable[Problem]:
    first: dict[str, int] = {}
    for person in people:
        value = key(person)
        if not value:
            continue
        if value in first:
            yield Problem(
                person.line, f"The {meaning} {value} stands in line {first[value]} already."
            )
        first.setdefault(value, person.line)
