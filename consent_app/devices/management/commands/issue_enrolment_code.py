"""Print a code that lets one device of an employee in, once, within 15 minutes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent_app.devices.actions import issue_enrolment_code
from consent_app.people.queries import active_person, system_user


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **_options: Any) -> None:
        employee = active_person(email)
        if employee is None:
            raise CommandError(f"Nobody active has the address {email}.")
        self.stdout.write(issue_enrolment_code(employee=employee, by=system_user()))
