"""Sign the set of keys that devices are to believe, if it changed or grew old.

manage.py sign_keys                      where the programme key and the database are
manage.py sign_keys --out FILE           write what is to be signed, to carry it to the key
manage.py sign_keys --sign FILE --out F  sign it there; needs the key and no database
manage.py sign_keys --in FILE            check and keep what came back
"""

from pathlib import Path

from django.utils import timezone

from consent_app.devices.actions.keys import keep_signed_keys, keys_to_sign, sign_keys
from consent_app.devices.key_sets import sign_file, signed_set, unsigned_file
from consent_app.devices.management.carried import CarriedCommand
from consent_app.devices.models import SignedKeySet
from consent_app.people.queries import system_user
from portal.lib.keys import signing_key

NOTHING = "The key set is signed and young."


class Command(CarriedCommand):
    help = __doc__

    def sign_here(self) -> None:
        self.tell(sign_keys(by=system_user()))

    def write(self, out: Path) -> None:
        payload = keys_to_sign(at=timezone.now())
        if payload is None:
            self.stdout.write(f"{NOTHING} No file was written.")
            return
        out.write_text(unsigned_file(payload), encoding="utf-8")
        self.stdout.write(f"Key set {payload['version']} to sign, in {out}.")

    def sign(self, unsigned: str, out: Path) -> None:
        text, keys = sign_file(unsigned, key=signing_key("programme"), at=timezone.now())
        for key in keys:
            self.stdout.write(f"{key.role} {key.status} {key.kid}")
        out.write_text(text, encoding="utf-8")
        self.stdout.write(f"Keys that devices are to believe: {len(keys)}, in {out}.")

    def keep(self, signed: str) -> None:
        self.tell(keep_signed_keys(jws=signed_set(signed), by=system_user()))

    def tell(self, kept: SignedKeySet | None) -> None:
        self.stdout.write(
            f"Key set {kept.version} holds until {kept.expires_at:%d %B %Y}." if kept else NOTHING
        )
