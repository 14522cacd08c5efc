"""Which filters of protected people the ceilings name, and what devices make of an address."""

from django.utils import timezone

from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_app.contacts.queries import filter_document, newest_filter
from consent_app.devices import queries
from consent_app.devices.models import Ceiling


def named_filters() -> set[str]:
    """Return the digests that the ceilings in force name, and those signed ahead."""
    now = timezone.now()
    in_force = _ceilings_in_force()
    ahead = Ceiling.objects.filter(in_force_at__gt=now)
    return {
        digest
        for ceiling in (*in_force, *ahead)
        if (digest := queries.content_of(ceiling).counterparties)
    }


def is_newest_filter_signed() -> bool:
    """Whether every ceiling in force names the newest filter; so, too, where there is none yet."""
    newest = newest_filter()
    wanted = newest.digest if newest else None
    return all(
        queries.content_of(ceiling).counterparties == wanted for ceiling in _ceilings_in_force()
    )


def devices_protect(address: str) -> bool:
    """Whether every device is told not to capture what comes from or goes to this address.

    Devices that have not heard of the newest ceiling yet are told so with their next answer.
    """
    named = {queries.content_of(ceiling).counterparties for ceiling in _ceilings_in_force()}
    return all(digest is not None and _protects(digest, address) for digest in named)


def _protects(digest: str, address: str) -> bool:
    document = filter_document(digest)
    # A device that can't get its filter captures nothing from anybody.
    return document is None or CounterpartyFilter.from_document(document).protects(address) is True


def _ceilings_in_force() -> list[Ceiling]:
    signed = Ceiling.objects.filter(in_force_at__lte=timezone.now())
    return list(signed.order_by("jurisdiction_id", "-version").distinct("jurisdiction_id"))
