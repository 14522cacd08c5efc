"""Being away: one's own delegations, those one was named in, and who can be named."""

import uuid
from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.people.rules import normalise_email
from exemptions.models import Delegation
from exemptions.queries import reviewing

SHOWN = 20  # delegations that are over
FOUND = 10  # people
SHORTEST_SEARCH = 2  # letters


def check_may_read(person: Employee, *, at: datetime) -> None:
    """Raises PermissionDenied unless somebody decides on requests, or will in somebody's place."""
    named = person.delegations_to_me.filter(ends_at__gt=at).exists()
    if not named:
        reviewing.check_is_reviewer(person, at=at)


def own_delegations(person: Employee, *, over: bool, at: datetime) -> list[Delegation]:
    """Return one's own, those in force or coming (the next first) or those that are over."""
    return _listed(person.delegations.select_related("delegate"), over=over, at=at)


def given_to(person: Employee, *, at: datetime) -> list[Delegation]:
    """Return where somebody named this person, in force or coming, the next first."""
    given = person.delegations_to_me.filter(person__is_active=True)
    return _listed(given.select_related("person"), over=False, at=at)


def delegation_for(person: Employee, delegation_id: uuid.UUID) -> Delegation:
    """Return one's own delegation; 404 also hides those of others."""
    return get_object_or_404(Delegation, pk=delegation_id, person=person)


def colleagues_like(person: Employee, text: str) -> list[Employee]:
    """Return a few who work here and whose name, or address from its beginning, has `text` in it.

    Nobody for fewer letters than SHORTEST_SEARCH, and never the person who asks.
    """
    wanted = _typed(text)
    if len(wanted) < SHORTEST_SEARCH:
        return []
    like = Q(name__icontains=wanted) | Q(email__startswith=normalise_email(wanted))
    return list(_colleagues(person).filter(like).order_by("name", "email")[:FOUND])


def colleague_named(person: Employee, text: str) -> Employee | None:
    """Return the one colleague who has exactly this address or, if nobody else has, this name."""
    wanted = _typed(text)
    if not wanted:
        return None
    exactly = Q(email=normalise_email(wanted)) | Q(name__iexact=wanted)
    found = list(_colleagues(person).filter(exactly)[:2])
    return found[0] if len(found) == 1 else None


def _typed(text: str) -> str:
    """Return what was typed without what no name has and the database does not take."""
    return " ".join(text.replace("\0", " ").split())


def _colleagues(person: Employee) -> QuerySet[Employee]:
    return Employee.objects.filter(is_active=True).exclude(pk=person.pk)


def _listed(delegations: QuerySet[Delegation], *, over: bool, at: datetime) -> list[Delegation]:
    """Return the delegations that are over, or the others; none of those that never began."""
    began = delegations.filter(ends_at__gt=F("starts_at"))
    if over:
        return list(began.filter(ends_at__lte=at).order_by("-ends_at")[:SHOWN])
    return list(began.filter(ends_at__gt=at).order_by("starts_at"))
