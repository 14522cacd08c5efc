"""Take over the jurisdictions that ship with the portal, or those of another file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent_app.people.actions import load_jurisdictions
from consent_app.people.actions.jurisdictions import SHIPPED
from consent_app.people.errors import JurisdictionsRefused


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, default=SHIPPED)

    def handle(self, *, file: Path, verbosity: int, **_options: Any) -> None:
        try:
            changed = load_jurisdictions(file)
        except JurisdictionsRefused as refusal:
            for problem in refusal.problems:
                self.stderr.write(f"{file}:{problem.line}: {problem.message}")
            raise CommandError(refusal.message) from refusal
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}") from error
        if verbosity:
            self.stdout.write(f"Jurisdictions are loaded; {len(changed)} changed.")
