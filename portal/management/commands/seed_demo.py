"""Fill the demo with its people, register, keys, requests, counts and devices, once."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from consent_app.audit.queries import tree_size
from consent_app.people.actions import import_directory, load_jurisdictions
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from portal.demo.clock import demo_clock
from portal.demo.counts import OldLaptop
from portal.demo.fleet import Fleet
from portal.demo.requests import play_requests
from portal.demo_data import ADMINISTRATOR, CAST, DIRECTORY, EMPLOYEE, PASSWORD

# The oldest request was made 37 business days ago.
HISTORY = timedelta(days=64)


class Command(BaseCommand):
    help = __doc__

    def handle(self, *, verbosity: int, **_options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "This is not the demo: PORTAL_MODE is not demo. Nothing was changed."
            )
        now = timezone.now()
        # All of it or nothing: half a history could never be completed.
        with transaction.atomic():
            # The log's times only go forwards, so a past can be invented for an empty one alone.
            if tree_size() > 0:
                self._bring_up_to_date(verbosity)
                return
            with demo_clock(now - HISTORY) as clock:
                self._bring_up_to_date(verbosity)
                employee = Employee.objects.get(email=EMPLOYEE.email)
                administrator = Employee.objects.get(email=ADMINISTRATOR.email)
                laptop = OldLaptop(employee, until=now)
                fleet = Fleet(administrator, until=now)
                also = [*laptop.moments(), *fleet.moments()]
                count = play_requests(clock, until=now, also=also)
        if verbosity:
            self.stdout.write(f"{count} requests made.")

    def _bring_up_to_date(self, verbosity: int) -> None:
        load_jurisdictions()
        change = import_directory(DIRECTORY, complete=False, by=system_user())
        _give_passwords()
        call_command("create_keys", if_missing=True, stdout=self.stdout)
        call_command("load_register", if_missing=True, verbosity=verbosity, stdout=self.stdout)
        call_command("load_grounds", verbosity=verbosity, stdout=self.stdout)
        call_command("sign_ceilings", stdout=self.stdout)
        call_command("sign_keys", stdout=self.stdout)
        if verbosity:
            people = len(change.changed) + len(change.unchanged)
            self.stdout.write(f"{people} people work here, {len(change.changed)} changed.")


def _give_passwords() -> None:
    """Let the cast sign in by password too; nobody else has one."""
    for person in Employee.objects.filter(email__in=[part.email for part in CAST]):
        if not person.has_usable_password():
            person.set_password(PASSWORD)
            person.save(update_fields=["password"])
