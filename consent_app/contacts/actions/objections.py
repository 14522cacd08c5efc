"""Objecting without an account, and taking it back. The address proves itself by a mailed link.

The log knows an address by a keyed hash alone, the same each time, so that who can compute it can
find what happened to an address and nobody can read one out of the log.
"""

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from consent_app.audit.actions import record
from consent_app.contacts import events, tasks
from consent_app.contacts.models import MailKind, Objection, OwedMail
from consent_app.people.queries import system_user


def ask_for_link(*, address: str) -> None:
    """Owe a normalised address the link to its page, whoever it may be."""
    _owe(address, MailKind.LINK)


@transaction.atomic
def object_to_all(*, address: str) -> Objection:
    """Never collect what this person writes, from the next filter on. Again changes nothing."""
    now = timezone.now()
    objection, is_new = Objection.objects.get_or_create(
        address=address, defaults={"objected_at": now}
    )
    if is_new:
        details = {"address": pseudonym_of(address)}
        record(
            events.OBJECTED, actor=system_user(), subject=objection, at=now, details=details
        )  # fmt: skip
        _owe(address, MailKind.OBJECTED)
    return objection


@transaction.atomic
def withdraw_objection(*, address: str) -> bool:
    """Forget an objection and its address; return whether there was one."""
    objection = Objection.objects.select_for_update().filter(address=address).first()
    if objection is None:
        return False
    details = {"address": pseudonym_of(address)}
    now = timezone.now()
    record(
        events.OBJECTION_WITHDRAWN, actor=system_user(), subject=objection, at=now, details=details
    )
    objection.delete()
    _owe(address, MailKind.WITHDRAWN)
    return True


def pseudonym_of(address: str) -> str:
    """Return how the log knows a normalised address."""
    return salted_hmac("consent_app.contacts.log", address, algorithm="sha256").hexdigest()


def _owe(address: str, kind: MailKind) -> None:
    owed = OwedMail.objects.create(address=address, kind=kind, owed_at=timezone.now())
    transaction.on_commit(lambda: tasks.hint(owed.pk))
