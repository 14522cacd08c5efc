"""Make a new sealing key and wrap all keys that rows have by it; `--retire` drops old ones.

Copy `sealing.keys` to the other machines before and after; they read it again by themselves.
"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction

from consent_app.access import actions as access
from consent_app.access.models import DataCopy
from consent_app.erasure import actions as erasure
from consent_app.erasure.models import DataStore
from consent_app.people.queries import system_user
from exemptions.actions.keys import key_ids_in_use, rewrap_keys
from exemptions.models import ExemptionRequest
from portal.lib import sealing


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--retire", action="store_true", help="drop the keys that nothing needs any more"
        )

    def handle(self, *, retire: bool, **_options: Any) -> None:
        if retire:
            self._retire()
            return
        key_id = sealing.add_key(settings.KEYS_DIR)
        changed = rewrap_keys(by=system_user())
        stores = erasure.rewrap_keys(by=system_user())
        copies = access.rewrap_keys()
        self.stdout.write(
            f"Key {key_id} is in use; {changed} requests, {stores} stores and {copies} copies of "
            "data were wrapped by it."
        )

    def _retire(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            # Nobody adds a row under an old key while it is looked for.
            for model in (ExemptionRequest, DataStore, DataCopy):
                table = model._meta.db_table  # noqa: SLF001 (public, but for its name)
                cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
            in_use = key_ids_in_use() | erasure.sealing_key_ids() | access.key_ids_in_use()
            dropped = sealing.retire_keys(settings.KEYS_DIR, in_use)
        names = ", ".join(dropped) or "none"
        self.stdout.write(f"Dropped: {names}.")
