"""Take over the jurisdictions that ship with the portal, or those of another file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from consent_app.devices.actions import refresh_policies
from consent_app.people.actions import load_jurisdictions
from consent_app.people.actions.jurisdictions import SHIPPED
from consent_app.people.errors import JurisdictionsRefused
from consent_app.people.models import Employee


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, default=SHIPPED)

    def handle(self, *, file: Path, verbosity: int, **_options: Any) -> None:
        try:
            with transaction.atomic():
                # Before the log's lock, as everywhere: which of them it concerns is not known yet.
                list(Employee.objects.select_for_update(no_key=True).order_by("pk").only("pk"))
                changed = load_jurisdictions(file)
                # The law where they work decides what their devices are told, too.
                people = Employee.objects.filter(jurisdiction__in=changed)
                refresh_policies(employees=people, at=timezone.now())
        except JurisdictionsRefused as refusal:
            for problem in refusal.problems:
                self.stderr.write(f"{file}:{problem.line}: {problem.message}")
            raise CommandError(refusal.message) from refusal
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}") from error
        if verbosity:
            self.stdout.write(f"Jurisdictions are loaded; {len(changed)} changed.")
            if changed:
                self.stdout.write("Sign the ceilings that follow: manage.py sign_ceilings")
