"""Opening a request as a reviewer: logged for the employee to see, and watched."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import people_with_role
from consent_app.people.roles import Role
from exemptions import events
from exemptions.actions.changes import record_on
from exemptions.errors import TooManyOpenings
from exemptions.models import ExemptionRequest
from exemptions.queries import history
from portal.lib.rate_limits import RateLimited, check_rate

# Source: threats, T8.
MOST_OPENINGS = 20
OPENINGS_WINDOW = timedelta(minutes=10)
SAME_OPENING = timedelta(minutes=5)


def open_case(*, request: ExemptionRequest, by: Employee) -> None:
    """Note that `by` reads the request now; a page drawn again soon after is the same opening.

    Raises:
        TooManyOpenings: of confidential requests, more than MOST_OPENINGS in the window.
    """
    now = timezone.now()
    last = history.last_opening(request, by)
    if last is not None and now - last < SAME_OPENING:
        return
    if request.is_sensitive:
        _check_openings(request, by, at=now)
    with transaction.atomic():
        record_on(request, events.REQUEST_OPENED, by=by, at=now)


def open_before_acting(*, request: ExemptionRequest, by: Employee) -> None:
    """Note an opening by whoever acts on a confidential request that they never opened.

    So nobody acts on more of them than they may open. Raises TooManyOpenings.
    """
    if request.is_sensitive and history.last_opening(request, by) is None:
        open_case(request=request, by=by)


def _check_openings(request: ExemptionRequest, by: Employee, *, at: datetime) -> None:
    seconds = int(OPENINGS_WINDOW.total_seconds())
    try:
        check_rate("openings", str(by.pk), most=MOST_OPENINGS, per_seconds=seconds)
    except RateLimited:
        _tell_auditors(by, at=at)
        raise TooManyOpenings from None


def _tell_auditors(by: Employee, *, at: datetime) -> None:
    """Tell them once in a window; a stolen session would go on trying."""
    seconds = int(OPENINGS_WINDOW.total_seconds())
    try:
        check_rate("openings-told", str(by.pk), most=1, per_seconds=seconds)
    except RateLimited:
        return
    with transaction.atomic():
        record(events.OPENINGS_REFUSED, actor=by, subject=by, at=at)
        for auditor in people_with_role(Role.AUDITOR):
            owe("openings_unusual", to=auditor, context={"name": by.name})
