"""Putting a checked table in the place of all applications or safeguards of a draft."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from consent_app.people.models import Employee
from consent_app.register.actions.drafts import editing
from consent_app.register.errors import PasswordsStayProtected
from consent_app.register.models import Application, RegisterVersion, Safeguard
from consent_app.register.queries.drafts import kept_safeguards
from consent_app.register.rules import PORTAL_SLUG, Row
from consent_app.register.source import applications_of, safeguard_of, says_the_same


@transaction.atomic
def replace_applications(
    *, draft: RegisterVersion, by: Employee, seen: datetime, rows: Sequence[Row]
) -> None:
    """Let a table say all applications but the portal's own.

    Raises:
        NotProgrammeOwner, DraftWithLegal, SomebodyWroteMeanwhile.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        listed = locked.applications.exclude(slug=PORTAL_SLUG)
        known = {application.slug: application for application in listed}
        applications = applications_of(rows, known, locked.kinds.values_list("code", flat=True))
        listed.delete()
        for application in applications:
            application.version = locked
        Application.objects.bulk_create(applications)


@transaction.atomic
def replace_safeguards(
    *, draft: RegisterVersion, by: Employee, seen: datetime, rows: Sequence[Row]
) -> None:
    """Let a table say all safeguards.

    Raises:
        NotProgrammeOwner, DraftWithLegal, SomebodyWroteMeanwhile.
        PasswordsStayProtected: it lacks or changes what protects password fields.
    """
    with editing(draft=draft, by=by, seen=seen) as locked:
        row_of = {row["id"]: row for row in rows}
        for safeguard_id, kept in kept_safeguards(locked).items():
            row = row_of.get(safeguard_id)
            if row is None or not says_the_same(row, kept):
                raise PasswordsStayProtected
        safeguards = [safeguard_of(row) for row in rows]
        locked.safeguards.all().delete()
        for safeguard in safeguards:
            safeguard.version = locked
        Safeguard.objects.bulk_create(safeguards)
