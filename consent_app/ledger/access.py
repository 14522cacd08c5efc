"""What was collected from somebody, as their devices counted it."""

from collections.abc import Iterator, Sequence

from consent_app.ledger.models import HourlyCost, HourlyCount, IncidentDevice, Reporter
from consent_app.ledger.queries.own import every_cost, every_count, reporters_of
from consent_app.people.models import Employee
from portal.lib.sections import Section, Table, sources, table_of


def section(person: Employee) -> Section:
    undeclared = IncidentDevice.objects.filter(device__employee=person)
    return Section(
        name="counts",
        title="What was collected from you",
        explanation=(
            "How often something was captured or left out, by the hour, as your devices counted "
            "it; what the agent used; and what a device of yours counted that nothing lists. "
            "Counts are kept for 90 days."
        ),
        tables=[
            table_of(
                "since", "Since when", Reporter.objects.filter(device__employee=person),
                "first_captured_at", device="device__hostname",
            ),
            Table(
                name="counts",
                title="Counts",
                columns=("hour", "device", "application", "kind", "outcome", "count"),
                rows=_counts(person),
                sources=sources(HourlyCount),
            ),
            Table(
                name="costs",
                title="What the agent used",
                columns=(
                    "hour", "device", "cpu_milliseconds", "sent_bytes", "battery_milliwatt_hours",
                ),
                rows=_costs(person),
                sources=sources(HourlyCost),
            ),
            table_of(
                "undeclared", "Counted undeclared", undeclared.order_by("first_seen_at"),
                "first_seen_at", device="device__hostname",
                application="incident__application", kind="incident__kind",
            ),
        ],
    )  # fmt: skip


def _counts(person: Employee) -> Iterator[Sequence[object]]:
    for row in every_count(reporters_of(person)):
        yield row.hour, row.device, row.application, row.kind, row.outcome, row.count


def _costs(person: Employee) -> Iterator[Sequence[object]]:
    for device, cost in every_cost(reporters_of(person)):
        yield (
            cost.hour, device, cost.cpu_milliseconds, cost.sent_bytes,
            cost.battery_milliwatt_hours,
        )  # fmt: skip
