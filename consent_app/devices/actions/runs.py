"""Noticing that two programs use one device's identity, and telling its owner."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.devices import announcements, events
from consent_app.devices.models import AgentRun, Device
from consent_app.devices.runs import RUNS_KEPT, UNNAMED, Seen, judge_run
from consent_app.notifications.actions import owe
from consent_app.people.queries import lock_person, system_user


def note_runs(runs: Iterable[tuple[UUID, str]]) -> None:
    """Keep which runs polled, by device, in the order in which they came.

    All server processes write here, and the database has the last word on which run is current.
    """
    for device, run in runs:
        if _note_run(device, run, at=timezone.now()) is Seen.TWO_CLIENTS:
            report_two_clients(device, sign="run")


@transaction.atomic
def _note_run(device: UUID, run: str, *, at: datetime) -> Seen:
    locked = Device.objects.active().select_for_update(no_key=True).filter(pk=device).first()
    if locked is None:
        return Seen.SAME
    earlier = dict(locked.runs.exclude(name=locked.agent_run).values_list("name", "returns"))
    seen = judge_run(run, current=locked.agent_run, earlier=earlier)
    if seen is Seen.BEGAN:
        # One without a name can't be told from an earlier one: after another run it is a new one.
        locked.runs.filter(name=UNNAMED).delete()
        AgentRun.objects.create(device=locked, name=run, began_at=at)
        kept = locked.runs.order_by("-pk")[:RUNS_KEPT].values_list("pk", flat=True)
        locked.runs.exclude(pk__in=list(kept)).delete()
        is_first, locked.agent_run = not locked.agent_run, run
        locked.save(update_fields=["agent_run"])
        if not is_first:  # other processes may still take the run before for the current one
            announcements.announce_device(locked.pk)
    elif seen is not Seen.SAME:
        locked.runs.filter(name=run).update(returns=earlier[run] + 1)
    return seen


@transaction.atomic
def report_two_clients(device: UUID, *, sign: str) -> None:
    """Mark a device that two programs speak for, and tell its owner, once.

    `sign` is what showed it: "run", or "sequence" for two acknowledgements under one number.
    """
    now = timezone.now()
    owner = lock_person(Device.objects.select_related("employee").get(pk=device).employee)
    marked = Device.objects.active().filter(pk=device, two_clients_at__isnull=True)
    if not marked.update(two_clients_at=now):
        return
    fresh = Device.objects.get(pk=device)
    details: dict[str, object] = {"hostname": fresh.hostname, "sign": sign}
    record(
        events.DOUBLED,
        actor=system_user(),
        subject=fresh,
        at=now,
        person=owner,
        details=details,
    )
    owe("device_two_clients", to=owner, context={"hostname": fresh.hostname})
    announcements.announce_device(fresh.pk)
