"""Take over the directory of everybody who works here from a CSV file, all of it or nothing.

Columns: employee_number, name, email, manager_number, jurisdiction, time_zone, locale, and
optionally roles (separated by `;`). docs/operations.md shows an example.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from consent_app.devices.actions import refresh_policies
from consent_app.people.actions import import_directory
from consent_app.people.errors import DirectoryRefused
from consent_app.people.queries import system_user


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--complete", action="store_true", help="deactivate everybody who is not in the file"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change and change nothing"
        )

    def handle(
        self,
        *,
        file: Path,
        complete: bool,
        dry_run: bool,
        verbosity: int,
        **_options: Any,
    ) -> None:
        try:
            with transaction.atomic():
                change = import_directory(file, complete=complete, by=system_user())
                if dry_run:
                    transaction.set_rollback(True)
                else:
                    # Whoever moved or left is told anew on their devices, in the same transaction.
                    # Nobody else: everybody who decides waits for the log meanwhile.
                    refresh_policies(employees=change.moved, at=timezone.now())
        except DirectoryRefused as refusal:
            for problem in refusal.problems:
                self.stderr.write(f"{file}:{problem.line}: {problem.message}")
            raise CommandError(refusal.message) from refusal
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}") from error
        if verbosity:
            done = "would be " if dry_run else ""
            self.stdout.write(
                f"{len(change.created)} {done}created, {len(change.updated)} {done}updated, "
                f"{len(change.deactivated)} {done}deactivated, {len(change.unchanged)} unchanged."
            )
