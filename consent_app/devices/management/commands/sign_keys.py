"""Sign the set of keys that devices are to believe, if it changed or grew old.

manage.py sign_keys                      where the programme key and the database are
manage.py sign_keys --out FILE           write what is to be signed, to carry it to the key
manage.py sign_keys --sign FILE --out F  sign it there; needs the key and no database
manage.py sign_keys --in FILE            check and keep what came back
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from django.utils import timezone

from consent_app.devices.actions.keys import keep_signed_keys, keys_to_sign, sign_keys
from consent_app.devices.key_sets import sign_file, signed_set, unsigned_file
from consent_app.devices.models import SignedKeySet
from consent_app.people.queries import system_user
from portal.lib.keys import KeysMissing, signing_key
from portal.lib.refusals import Refusal

NOTHING = "The key set is signed and young."


class _Help(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keep the lines of the description."""


class Command(BaseCommand):
    help = __doc__
    # The machine with the key has no database to look at.
    requires_system_checks = ()
    requires_migrations_checks = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser: CommandParser = super().create_parser(
            prog_name, subcommand, formatter_class=_Help, **kwargs
        )
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, metavar="FILE", help="where to write")
        parser.add_argument("--sign", type=Path, metavar="FILE", help="what --out wrote")
        parser.add_argument("--in", type=Path, metavar="FILE", dest="back", help="what was signed")

    def handle(
        self, *, out: Path | None, sign: Path | None, back: Path | None, **_options: Any
    ) -> None:
        if back is not None and (out or sign):
            raise CommandError("--in stands alone.")
        if sign is not None and out is None:
            raise CommandError("--sign needs --out FILE.")
        try:
            if back is not None:
                text = back.read_text(encoding="utf-8")
                self.tell(keep_signed_keys(jws=signed_set(text), by=system_user()))
            elif sign is not None and out is not None:
                self.sign(sign, out)
            elif out is not None:
                self.write(out)
            else:
                self.tell(sign_keys(by=system_user()))
        except (Refusal, KeysMissing) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def write(self, out: Path) -> None:
        payload = keys_to_sign(at=timezone.now())
        if payload is None:
            self.stdout.write(f"{NOTHING} No file was written.")
            return
        out.write_text(unsigned_file(payload), encoding="utf-8")
        self.stdout.write(f"Key set {payload['version']} to sign, in {out}.")

    def sign(self, file: Path, out: Path) -> None:
        text, keys = sign_file(
            file.read_text(encoding="utf-8"), key=signing_key("programme"), at=timezone.now()
        )
        for key in keys:
            self.stdout.write(f"{key.role} {key.status} {key.kid}")
        out.write_text(text, encoding="utf-8")
        self.stdout.write(f"Keys that devices are to believe: {len(keys)}, in {out}.")

    def tell(self, kept: SignedKeySet | None) -> None:
        self.stdout.write(
            f"Key set {kept.version} holds until {kept.expires_at:%d %B %Y}." if kept else NOTHING
        )
