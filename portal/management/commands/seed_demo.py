"""Fill the demo with its people, keys, register and ceilings; once more changes nothing."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from consent_app.people.actions import import_directory, load_jurisdictions
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from portal.demo_data import CAST, DIRECTORY, PASSWORD


class Command(BaseCommand):
    help = __doc__

    def handle(self, *, verbosity: int, **_options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "This is not the demo: PORTAL_MODE is not demo. Nothing was changed."
            )
        load_jurisdictions()
        change = import_directory(DIRECTORY, complete=False, by=system_user())
        _give_passwords()
        call_command("create_keys", if_missing=True, stdout=self.stdout)
        call_command("load_register", if_missing=True, stdout=self.stdout)
        call_command("sign_ceilings", stdout=self.stdout)
        if verbosity:
            people = len(change.changed) + len(change.unchanged)
            self.stdout.write(f"{people} people work here, {len(change.changed)} changed.")


def _give_passwords() -> None:
    """Let the cast sign in by password too; nobody else has one."""
    for person in Employee.objects.filter(email__in=[part.email for part in CAST]):
        if not person.has_usable_password():
            person.set_password(PASSWORD)
            person.save(update_fields=["password"])
