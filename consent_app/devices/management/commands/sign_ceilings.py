"""Sign a ceiling for every cohort whose rules changed.

manage.py sign_ceilings                      where the programme key and the database are
manage.py sign_ceilings --out FILE           write what is to be signed, to carry it to the key
manage.py sign_ceilings --sign FILE --out F  sign it there; needs the key and no database
manage.py sign_ceilings --in FILE            check and keep what came back
"""

from pathlib import Path

from django.db import transaction
from django.utils import timezone

from consent_app.devices.actions.ceilings import keep_signed
from consent_app.devices.actions.policies import ceilings_to_sign, sign_ceilings
from consent_app.devices.ceiling_files import sign_file, signed_ceilings, unsigned_file
from consent_app.devices.management.carried import CarriedCommand
from consent_app.people.queries import system_user
from portal.lib.keys import signing_key


class Command(CarriedCommand):
    help = __doc__

    def sign_here(self) -> None:
        signed = sign_ceilings(by=system_user())
        self.stdout.write(f"Ceilings signed: {len(signed)}.")

    def write(self, out: Path) -> None:
        with transaction.atomic():
            unsigned = ceilings_to_sign(at=timezone.now())
        if not unsigned:
            self.stdout.write("Every ceiling is signed. No file was written.")
            return
        out.write_text(unsigned_file(unsigned), encoding="utf-8")
        self.stdout.write(f"Ceilings to sign: {len(unsigned)}, in {out}.")

    def sign(self, unsigned: str, out: Path) -> None:
        text, signed = sign_file(unsigned, key=signing_key("programme"))
        for one in signed:
            self.stdout.write(
                f"{one.cohort} version {one.version}: collection {one.collection}, register "
                f"version {one.register_version} {one.register}, in force from {one.in_force_at}"
            )
        out.write_text(text, encoding="utf-8")
        self.stdout.write(f"Ceilings signed: {len(signed)}, in {out}.")

    def keep(self, signed: str) -> None:
        kept = keep_signed(signed=signed_ceilings(signed), by=system_user())
        self.stdout.write(f"Ceilings kept: {len(kept)}.")
