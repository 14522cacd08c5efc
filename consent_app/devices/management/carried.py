"""Signing with a key that is kept elsewhere: write what is to be signed, carry it, bring it back.

Without an option a command signs where it is: where the key and the database are together.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from portal.lib.described_command import DescribedCommand
from portal.lib.keys import KeysMissing
from portal.lib.refusals import Refusal


class CarriedCommand(DescribedCommand):
    """Has `--out FILE`, `--sign FILE --out FILE` and `--in FILE`; a subclass does each."""

    # The machine with the key has no database to look at.
    requires_system_checks = ()
    requires_migrations_checks = False

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
                self.keep(back.read_text(encoding="utf-8"))
            elif sign is not None and out is not None:
                self.sign(sign.read_text(encoding="utf-8"), out)
            elif out is not None:
                self.write(out)
            else:
                self.sign_here()
        except (Refusal, KeysMissing) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def sign_here(self) -> None:
        raise NotImplementedError

    def write(self, out: Path) -> None:
        raise NotImplementedError

    def sign(self, unsigned: str, out: Path) -> None:
        raise NotImplementedError

    def keep(self, signed: str) -> None:
        raise NotImplementedError
