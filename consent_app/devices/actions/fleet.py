"""What owners say about devices of a roll-out, and what IT does with devices of anybody."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from consent_app.audit.actions import record
from consent_app.devices import events
from consent_app.devices.actions.enrolment import shut_out
from consent_app.devices.actions.policies import sign_policy
from consent_app.devices.actions.rollouts import issue_rollout
from consent_app.devices.errors import DeviceAlreadyRevoked, DeviceDoesNotWait
from consent_app.devices.models import Device, Rollout
from consent_app.notifications.actions import owe
from consent_app.people.models import Employee
from consent_app.people.queries import lock_person

# As long as somebody may be on holiday.
REENROLMENT_DAYS = 30


@transaction.atomic
def accept_device(*, device: Device, by: Employee) -> None:
    """Keep that its owner calls a device of a roll-out theirs, and sign it their own policy.

    Raises:
        DeviceDoesNotWait: they said so already, or it was removed.
    """
    now = timezone.now()
    owner = lock_person(by)
    fresh = Device.objects.select_for_update(of=("self",), no_key=True).get(pk=device.pk)
    if fresh.revoked_at is not None or not fresh.waits_for_owner:
        raise DeviceDoesNotWait
    fresh.employee = owner
    fresh.accepted_at = now
    fresh.save(update_fields=["accepted_at"])
    details = {"hostname": fresh.hostname}
    record(
        events.DEVICE_ACCEPTED, actor=owner, subject=fresh, at=now, person=owner, details=details
    )
    sign_policy(fresh, at=now)


@transaction.atomic
def refuse_device(*, device: Device, by: Employee) -> None:
    """Shut a device of a roll-out out that is not its owner's, and tell who issued the code.

    Raises:
        DeviceDoesNotWait: they called it theirs before, or it was removed.
    """
    lock_person(by)
    if not Device.objects.waiting().filter(pk=device.pk).exists():
        raise DeviceDoesNotWait
    fresh = shut_out(device, event=events.DEVICE_REFUSED, by=by, at=timezone.now())
    if fresh.rollout is not None:
        context = {"hostname": fresh.hostname, "name": by.name, "label": fresh.rollout.label}
        owe("device_refused", to=fresh.rollout.issued_by, context=context)


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one device of several; `refusal` says why nothing did."""

    device: Device
    refusal: DeviceAlreadyRevoked | None = None


def remove_devices(*, devices: Sequence[Device], by: Employee) -> list[Removal]:
    """Shut devices of anybody out and tell their owners, each on its own."""
    return [_remove(device, by=by, message="device_removed_by_it") for device in devices]


def enrol_again(*, devices: Sequence[Device], by: Employee) -> tuple[list[Removal], Rollout, str]:
    """Shut devices out and make a code that lets as many in; return the code, once.

    The owners confirm the new devices as those of any roll-out.
    """
    label = devices[0].hostname if len(devices) == 1 else f"{len(devices)} devices"
    rollout, code = issue_rollout(
        label=f"Enrol {label} again"[:80], days=REENROLMENT_DAYS, uses=len(devices), by=by
    )
    done = [_remove(device, by=by, message="device_to_enrol_again") for device in devices]
    return done, rollout, code


def _remove(device: Device, *, by: Employee, message: str) -> Removal:
    try:
        with transaction.atomic():
            fresh = shut_out(device, event=events.DEVICE_REVOKED, by=by, at=timezone.now())
            owe(message, to=fresh.employee, context={"hostname": fresh.hostname})
    except DeviceAlreadyRevoked as refusal:
        return Removal(device, refusal)
    return Removal(device)
