"""What somebody wanted forgotten, and what devices and stores said to it."""

from consent_app.erasure.models import DeviceErasure, ErasureOrder, StoreErasure
from consent_app.people.models import Employee
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    return Section(
        name="forgotten",
        title="What you wanted forgotten",
        explanation="Your orders, and the word of each device and of each store that it is gone.",
        tables=[
            table_of(
                "orders", "Orders",
                ErasureOrder.objects.filter(employee=person).order_by("ordered_at"),
                "ordered_at", "starts_at", "ends_at", "applications", "escalated_at", "closed_at",
                "outcome", "id", only_data=["id"],
            ),
            table_of(
                "devices", "Devices",
                DeviceErasure.objects.filter(order__employee=person).order_by("order__ordered_at"),
                "hostname", "is_awaited", "told_at", "due_at", "confirmed_at", "gone_at",
                ordered_at="order__ordered_at", order="order_id", only_data=["order"],
            ),
            table_of(
                "stores", "Stores",
                StoreErasure.objects.filter(order__employee=person).order_by("order__ordered_at"),
                "due_at", "received_at", "given_up_at", "confirmed_at", "erased_at",
                "used_in_training", "records", "attempts", "last_failure",
                ordered_at="order__ordered_at", store="store__name", order="order_id",
                only_data=["order", "attempts", "last_failure"],
            ),
        ],
    )  # fmt: skip
