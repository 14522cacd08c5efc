"""Gathers what a person is shown of their devices: one read for the home page and for the bar."""

from django.utils import timezone

from consent_app.devices import queries
from consent_app.devices.display import Summary, device_view, summarise
from consent_app.people.models import Employee


def summary_for(employee: Employee) -> Summary:
    """Return the state of this person's own devices now."""
    now = timezone.now()
    devices = queries.devices_of(employee)
    if not devices:
        return summarise(())
    ceiling = queries.ceiling_document(employee.jurisdiction)
    stops = queries.stops_for(employee.jurisdiction, at=now)
    return summarise(
        tuple(device_view(device, now=now, ceiling=ceiling, stops=stops) for device in devices)
    )
