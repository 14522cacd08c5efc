"""Codes of IT that let many devices in, and ending them early."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.devices import codes, events, rules
from consent_app.devices.errors import RolloutOver
from consent_app.devices.models import Rollout
from consent_app.people.models import Employee


@transaction.atomic
def issue_rollout(*, label: str, days: int, uses: int | None, by: Employee) -> tuple[Rollout, str]:
    """Make a code that lets `uses` devices in (None: any number) for `days`; return it, once.

    Raises:
        RolloutOutOfRange: longer than docs/policy.md allows, or without a use.
    """
    rules.check_rollout(days=days, uses=uses)
    now = timezone.now()
    code = codes.new_code(codes.ROLLOUT_LENGTH)
    rollout = Rollout.objects.create(
        label=label,
        code_hash=codes.hash_of(code),
        issued_by=by,
        issued_at=now,
        expires_at=now + timedelta(days=days),
        uses_allowed=uses,
    )
    details = {"label": label, "uses": uses, "expires_at": rollout.expires_at.isoformat()}
    record(events.ROLLOUT_ISSUED, actor=by, subject=rollout, at=now, details=details)
    return rollout, codes.grouped(code)


@transaction.atomic
def end_rollout(*, rollout: Rollout, by: Employee) -> None:
    """Let the code let nothing in any more; what it let in stays.

    Raises:
        RolloutOver: it was ended, had expired, or had let in all it may.
    """
    fresh = Rollout.objects.select_for_update(of=("self",), no_key=True).get(pk=rollout.pk)
    now: datetime = timezone.now()
    if not fresh.is_usable(now):
        raise RolloutOver
    fresh.ended_at, fresh.ended_by = now, by
    fresh.save(update_fields=["ended_at", "ended_by"])
    record(events.ROLLOUT_ENDED, actor=by, subject=fresh, at=now, details={"label": fresh.label})
