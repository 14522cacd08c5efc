"""Make the signing and sealing keys that are missing, in files readable by their owner alone."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.lib.keys import create_keys


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-missing", action="store_true", help="say nothing when all keys are there"
        )

    def handle(self, *, if_missing: bool, **_options: Any) -> None:
        made = create_keys(settings.KEYS_DIR)
        if made:
            self.stdout.write(f"Made in {settings.KEYS_DIR}: {', '.join(made)}")
        elif not if_missing:
            self.stdout.write(f"All keys are in {settings.KEYS_DIR} already; none was changed.")
