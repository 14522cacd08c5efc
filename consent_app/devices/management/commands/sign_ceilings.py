"""Sign a ceiling for every cohort whose rules changed.

manage.py sign_ceilings                      where the programme key and the database are
manage.py sign_ceilings --out FILE           write what is to be signed, to carry it to the key
manage.py sign_ceilings --sign FILE --out F  sign it there; needs the key and no database
manage.py sign_ceilings --in FILE            check and keep what came back
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
from django.db import transaction
from django.utils import timezone

from consent_app.devices.actions.ceilings import keep_signed
from consent_app.devices.actions.policies import ceilings_to_sign, sign_ceilings
from consent_app.devices.ceiling_files import sign_file, signed_ceilings, unsigned_file
from consent_app.people.queries import system_user
from portal.lib.keys import KeysMissing, signing_key
from portal.lib.refusals import Refusal


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
                self.keep(back)
            elif sign is not None and out is not None:
                self.sign(sign, out)
            elif out is not None:
                self.write(out)
            else:
                signed = sign_ceilings(by=system_user())
                self.stdout.write(f"Ceilings signed: {len(signed)}.")
        except (Refusal, KeysMissing) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def write(self, out: Path) -> None:
        with transaction.atomic():
            unsigned = ceilings_to_sign(at=timezone.now())
        if not unsigned:
            self.stdout.write("Every ceiling is signed. No file was written.")
            return
        out.write_text(unsigned_file(unsigned), encoding="utf-8")
        self.stdout.write(f"Ceilings to sign: {len(unsigned)}, in {out}.")

    def sign(self, file: Path, out: Path) -> None:
        text, signed = sign_file(file.read_text(encoding="utf-8"), key=signing_key("programme"))
        for one in signed:
            self.stdout.write(
                f"{one.cohort} version {one.version}: collection {one.collection}, register "
                f"version {one.register_version} {one.register}, in force from {one.in_force_at}"
            )
        out.write_text(text, encoding="utf-8")
        self.stdout.write(f"Ceilings signed: {len(signed)}, in {out}.")

    def keep(self, file: Path) -> None:
        kept = keep_signed(
            signed=signed_ceilings(file.read_text(encoding="utf-8")), by=system_user()
        )
        self.stdout.write(f"Ceilings kept: {len(kept)}.")
