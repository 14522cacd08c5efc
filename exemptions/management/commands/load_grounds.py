"""Make the grounds for exemptions that are missing, with the first version of their routes."""

from typing import Any

from django.core.management.base import BaseCommand

from consent_app.people.queries import system_user
from exemptions.actions.routes import load_grounds


class Command(BaseCommand):
    help = __doc__

    def handle(self, *, verbosity: int, **_options: Any) -> None:
        made = load_grounds(by=system_user())
        if verbosity:
            self.stdout.write(f"{len(made)} grounds made.")
