"""Building the filter that devices ask, and forgetting those that nothing names any more."""

import hmac
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.counterparties import KEY_BYTES, CounterpartyFilter
from consent_app.audit.actions import record
from consent_app.contacts import events, queries
from consent_app.contacts.filters import build_document
from consent_app.contacts.models import BuiltFilter
from consent_app.people.queries import system_user

# A device that was given a ceiling just before the next one may still be fetching its filter.
KEPT_AFTER_USE = timedelta(hours=1)
# Every device fetches another filter and confirms the ceiling that names it. People outside come
# and go as they like, so leaving alone makes another one once a day.
LEAVING_TAKES = timedelta(days=1)


@transaction.atomic
def renew_filter() -> BuiltFilter | None:
    """Build another filter if the last one misses somebody; return it, else None.

    Whoever is protected no more stays in it for LEAVING_TAKES: less is captured, never more. Each
    has a key of its own: two filters can't be compared to learn what changed between them. There
    is none before there is anybody to protect.
    """
    now = timezone.now()
    entries = queries.protected_entries()
    digest_of_set = _keyed_digest(entries)
    newest = queries.newest_filter()
    known = newest.entries_digest if newest else _keyed_digest(())
    if hmac.compare_digest(known, digest_of_set):
        return None
    if newest and now - newest.built_at < LEAVING_TAKES and _holds_all(newest, entries):
        return None
    document = build_document(entries, key=secrets.token_bytes(KEY_BYTES))
    built = BuiltFilter.objects.create(
        digest=content_digest(document),
        document=document,
        entries=len(entries),
        entries_digest=digest_of_set,
        built_at=now,
    )
    details = {"digest": built.digest, "entries": built.entries}
    record(events.FILTER_RENEWED, actor=system_user(), subject=built, at=now, details=details)
    return built


@transaction.atomic
def forget_filters(*, named: Collection[str]) -> int:
    """Delete what was built before the newest and has not been named for an hour.

    `named` are the digests that the ceilings of today and those signed ahead name.
    """
    now = timezone.now()
    BuiltFilter.objects.filter(pk__in=named).update(named_at=now)
    newest = queries.newest_filter()
    if newest is None:
        return 0
    unnamed = BuiltFilter.objects.exclude(pk__in=[*named, newest.pk])
    long_unnamed = unnamed.filter(built_at__lt=now - KEPT_AFTER_USE).exclude(
        named_at__gte=now - KEPT_AFTER_USE
    )
    return long_unnamed.delete()[0]


def _holds_all(built: BuiltFilter, entries: Collection[str]) -> bool:
    held = CounterpartyFilter.from_document(bytes(built.document))
    return all(map(held.holds, entries))


def _keyed_digest(entries: Collection[str]) -> str:
    """Return what tells one set of entries from another, and nothing about what is in it."""
    content = "\n".join(sorted(entries))
    return salted_hmac("consent_app.contacts.entries", content, algorithm="sha256").hexdigest()
