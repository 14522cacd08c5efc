"""Replace the key that policies or checkpoints are signed with; docs/operations.md, section 5.

manage.py rotate_key policy|checkpoint             put the announced key to use, announce another
manage.py rotate_key policy|checkpoint --now       ... without waiting for agents to hear of it
manage.py rotate_key policy --retire [--now]       sign policies again, then drop the old key
manage.py rotate_key policy|checkpoint --stolen    distrust the key in use, and the announced one
manage.py rotate_key --list                        every key: its role, id, and since when
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from consent_app.devices.actions.keys import (
    policies_by_old_keys,
    retire_keys,
    rotate_key,
    withdraw_key,
)
from consent_app.people.queries import system_user
from portal.lib.described_command import DescribedCommand
from portal.lib.keys import KeysMissing, listed_keys
from portal.lib.refusals import Refusal

SIGN = "Then let the programme key sign the key set: manage.py sign_keys"


class Command(DescribedCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", nargs="?", choices=["policy", "checkpoint"])
        parser.add_argument("--now", action="store_true", help="do not wait")
        parser.add_argument("--list", action="store_true", help="list every key")
        step = parser.add_mutually_exclusive_group()
        step.add_argument("--retire", action="store_true", help="drop the old key")
        step.add_argument("--stolen", action="store_true", help="distrust what is in use")

    def handle(self, *, role: str | None, now: bool, **options: Any) -> None:
        try:
            if options["list"]:
                self.list()
            elif role is None:
                raise CommandError("Which key? policy or checkpoint.")
            elif options["stolen"]:
                self.withdraw(role)
            elif options["retire"]:
                self.retire(role, now=now)
            else:
                used = rotate_key(role=role, by=system_user(), in_haste=now)
                self.stdout.write(f"The {role} key {used} is in use. Another one is to announce.")
                self.stdout.write(SIGN)
        except (Refusal, KeysMissing) as error:
            raise CommandError(str(error)) from error

    def list(self) -> None:
        for key in listed_keys():
            since = f" since {key.since:%Y-%m-%d %H:%M} UTC" if key.since else ""
            self.stdout.write(f"{key.role:<10} {key.status:<9} {key.kid}{since}")

    def withdraw(self, role: str) -> None:
        stolen = withdraw_key(role=role, by=system_user())
        self.stdout.write(f"No longer trusted, once the key set is signed: {', '.join(stolen)}.")
        self.stdout.write(SIGN)
        if role == "policy":
            self.stdout.write(
                "Directly after that: manage.py rotate_key policy --now, "
                "then manage.py rotate_key policy --retire --now"
            )

    def retire(self, role: str, *, now: bool) -> None:
        if role == "policy":
            for left in policies_by_old_keys():
                self.stdout.write(f"Policies by an old key: {left}.")
        old = retire_keys(role=role, by=system_user(), in_haste=now)
        self.stdout.write(f"Off the list: {', '.join(old)}." if old else "There is no old key.")
        if old:
            self.stdout.write(SIGN)
