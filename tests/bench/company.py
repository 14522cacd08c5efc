"""People who ask and people who decide: a company in which everybody but one has a manager."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from consent_app.people.models import Employee, Jurisdiction
from consent_app.people.queries import jurisdiction_for
from consent_app.people.roles import Role, ensure_roles

REPORTS = 8
BATCH = 2000
# How many of 20,000 decide for each team; a small company has two at least.
TEAM_SHARE = {
    Role.HR_REVIEWER: 40 / 20_000,
    Role.LEGAL_REVIEWER: 20 / 20_000,
    Role.IT_ADMINISTRATOR: 20 / 20_000,
}
LEAST_TEAM = 4
PLACES = (
    ("US-CA", "America/Los_Angeles", 30),
    ("US-NY", "America/New_York", 25),
    ("DE", "Europe/Berlin", 15),
    ("GB", "Europe/London", 12),
    ("FR", "Europe/Paris", 8),
    ("IN", "Asia/Kolkata", 6),
    ("JP", "Asia/Tokyo", 4),
)
GIVEN = (
    "Ada Bela Chika Dana Emil Fatou Goran Hana Ilse Jonas Kofi Lena Mira Noor Omar Priya Quentin "
    "Rosa Samuel Tove Uma Vera Wen Ximena Yusuf Zofia"
)
FAMILY = (
    "Adeyemi Brandt Costa Dumont Eriksen Fischer Garcia Haddad Ivanova Jansen Kowalski Lindqvist "
    "Moreau Nguyen Okafor Petrov Quispe Raman Said Tanaka Ueda Varga Weber Xu Yilmaz Zhang"
)


@dataclass(frozen=True)
class Company:
    """Everybody, those who manage first, and who is in each team by the role's value."""

    people: list[Employee]
    teams: dict[str, list[Employee]]


def found_company(size: int, *, chance: random.Random) -> Company:
    """Make `size` people: each manages 8 until all have a manager. The last are the teams."""
    places = {code: jurisdiction_for(code) for code, *_ in PLACES}
    people = [_person(number, places, chance) for number in range(size)]
    for number, person in enumerate(people[1:]):
        person.line_manager = people[number // REPORTS]
    Employee.objects.bulk_create(people, batch_size=BATCH)
    groups = ensure_roles()
    teams: dict[str, list[Employee]] = {}
    last = size
    for role, share in TEAM_SHARE.items():
        count = max(LEAST_TEAM, round(share * size))
        teams[role.value] = people[last - count : last]
        groups[role].user_set.add(*teams[role.value])
        last -= count
    return Company(people, teams)


def _person(number: int, places: Mapping[str, Jurisdiction], chance: random.Random) -> Employee:
    ((code, time_zone, _),) = chance.choices(PLACES, [share for *_, share in PLACES])
    name = f"{chance.choice(GIVEN.split())} {chance.choice(FAMILY.split())}"
    return Employee(
        name=name,
        email=f"colleague{number}@example.com", employee_number=f"C{number:06}", password="!",
        jurisdiction=places[code], time_zone=time_zone,
    )  # fmt: skip
