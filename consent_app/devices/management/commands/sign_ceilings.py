"""Sign a ceiling for every cohort whose rules changed. Needs the programme key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from portal.lib.keys import KeysMissing
from portal.lib.refusals import Refusal


class Command(BaseCommand):
    help = __doc__

    def handle(self, **_options: Any) -> None:
        try:
            signed = sign_ceilings(by=system_user())
        except (Refusal, KeysMissing) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Ceilings signed: {len(signed)}.")
