"""Single devices and codes, and who may see them."""

import uuid
from collections.abc import Iterable

from django.db.models import Count, Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from consent_app.devices.models import Device, Rollout
from consent_app.people.models import Employee
from consent_app.people.roles import Role


def check_is_it(user: Employee) -> None:
    """To whoever is no IT administrator these pages do not exist.

    Raises:
        Http404
    """
    if not user.has_role(Role.IT_ADMINISTRATOR):
        raise Http404


def device_of_fleet(user: Employee, device_id: uuid.UUID) -> Device:
    check_is_it(user)
    return get_object_or_404(shown(Device.objects.all()), pk=device_id)


def chosen_devices(user: Employee, ids: Iterable[uuid.UUID]) -> list[Device]:
    """Return those of these devices that are not removed, by name."""
    check_is_it(user)
    return list(shown(Device.objects.active()).filter(pk__in=ids).order_by("hostname", "pk"))


def devices_with_two_clients() -> QuerySet[Device]:
    """Return the devices whose identity two programs use, the latest found first."""
    found = shown(Device.objects.active()).filter(two_clients_at__isnull=False)
    return found.order_by("-two_clients_at", "pk")


def rollouts_for(user: Employee) -> list[Rollout]:
    """Return all codes of roll-outs, the newest first, with how many devices wait by each."""
    check_is_it(user)
    waiting = Count("devices", filter=Q(devices__accepted_at=None, devices__revoked_at=None))
    return list(Rollout.objects.select_related("issued_by", "ended_by").annotate(waiting=waiting))


def rollout_for(user: Employee, rollout_id: uuid.UUID) -> Rollout:
    check_is_it(user)
    return get_object_or_404(Rollout, pk=rollout_id)


def shown(devices: QuerySet[Device]) -> QuerySet[Device]:
    return devices.select_related("employee__jurisdiction", "rollout")
