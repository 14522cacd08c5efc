"""Publish version 1 of the register from the files that ship with the portal."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from consent_app.people.queries import system_user
from consent_app.register import actions
from consent_app.register.errors import RegisterExists
from portal.lib.refusals import Refusal


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-missing", action="store_true", help="leave a register that is there as it is"
        )

    def handle(self, *, if_missing: bool, verbosity: int, **_options: Any) -> None:
        try:
            version = actions.load_register(by=system_user(), portal_host=settings.PORTAL_HOST)
        except RegisterExists as refusal:
            if not if_missing:
                raise CommandError(refusal.message) from None
            return
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        if verbosity:
            self.stdout.write(
                f"Published register version {version.number} with "
                f"{version.applications.count()} applications as {version.digest}."
            )
