"""Erase the details of one audit entry for good. Runs as the owner of the tables.

The entry itself stays, so the log still verifies; the erasure is an entry of its own.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent_app.audit.actions import erase_details
from consent_app.audit.models import Leaf
from consent_app.people.queries import system_user


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("index", type=int)
        parser.add_argument("--reason", required=True, help="why, for the log")

    def handle(self, *, index: int, reason: str, **_options: Any) -> None:
        try:
            entry = erase_details(index=index, actor=system_user(), reason=reason)
        except Leaf.DoesNotExist:
            raise CommandError(f"There is no entry {index}.") from None
        self.stdout.write(f"The details of entry {index} are gone; entry {entry.index} says so.")
