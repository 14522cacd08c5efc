"""What every change of a request shares: lock, look again, change, with the version raised."""

from datetime import datetime

from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from exemptions.errors import SomebodyWasFirst, WrongState
from exemptions.models import ExemptionRequest, ReviewStep, State
from exemptions.queries import history, own
from portal.lib import sealing

READ_WITH_IT = (
    "requester__jurisdiction", "ground", "route", "protection", "exemption", "renews__exemption",
)  # fmt: skip


def locked(request: ExemptionRequest, *, seen: int | None = None) -> ExemptionRequest:
    """Return the request as it is now, with everybody else who decides on it waiting.

    Raises:
        SomebodyWasFirst: it is not the version that was `seen` any more, or a draft is gone.
    """
    lock_person(request.requester)
    fresh = ExemptionRequest.objects.select_related(*READ_WITH_IT).filter(pk=request.pk).first()
    if fresh is None:
        raise SomebodyWasFirst("This draft was discarded.")
    if seen is not None and fresh.version != seen:
        raise SomebodyWasFirst(_who_was_first(fresh))
    return fresh


def expect(request: ExemptionRequest, *states: State) -> None:
    """Raises WrongState, saying what happened last, unless the request is in one of `states`."""
    if request.state not in states:
        raise WrongState(_who_was_first(request, end="This can't be done any more."))


def change(request: ExemptionRequest, **fields: object) -> None:
    """Write `fields` and raise the version."""
    for name, value in fields.items():
        setattr(request, name, value)
    request.version += 1
    request.save(update_fields=[*fields, "version"])


def new_request(**fields: object) -> ExemptionRequest:
    """Make a request with a sealing key of its own."""
    request = ExemptionRequest.objects.create(**fields)
    # Only now: the lock of this row keeps the portal's key that wraps it from being retired.
    request.sealing_key = sealing.new_data_key()
    request.save(update_fields=["sealing_key"])
    return request


def record_on(
    request: ExemptionRequest, event: str, *, by: Employee, at: datetime, **details: object
) -> None:
    """Record what happened to a request: a line of its timeline, and about its requester."""
    record(event, actor=by, subject=request, at=at, person=request.requester, details=details)


def step_of(request: ExemptionRequest) -> ReviewStep:
    """Return the open step of a pending request."""
    step = own.open_step(request)
    if step is None:
        raise WrongState
    step.request = request
    return step


def _who_was_first(
    request: ExemptionRequest, *, end: str = "Nothing of yours was saved. Look again."
) -> str:
    last = history.last_change(request)
    if last is None:
        return f"The request is not as it was. {end}"
    return f"{last.sentence[:-1]} at {timezone.localtime(last.at):%H:%M}. {end}"
