"""What is said between portal and stores: the order, and the confirmation. docs/data-stores.md.

Both have the form that the Standard Webhooks convention recommends: `type`, `timestamp`, `data`.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.conf import settings
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from consent_agent.protocol.canonical import canonical_json, parse_json
from consent_agent.protocol.times import format_time
from consent_app.erasure.models import ErasureOrder, StoreErasure

REPLY_PATH = "/erasure/confirmations"
Count = Annotated[int, Field(ge=0, le=2**53)]


class Message(BaseModel):
    """Unknown members are refused: a store that misspells one learns of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Confirmed(Message):
    """A store's word about one order. `erased_at` is by its clock, `records` how many went."""

    order: UUID
    store: UUID
    erased_at: AwareDatetime
    used_in_training: Literal["yes", "no", "unknown"]
    records: Count | None = None


class Confirmation(Message):
    """The whole message."""

    type: Literal["erasure.confirmed"]
    timestamp: AwareDatetime
    data: Confirmed


def read_confirmation(body: bytes) -> Confirmed:
    """Return what a store says.

    Raises:
        DocumentRefused: it is no JSON, or ambiguous.
        ValidationError: it is no confirmation.
    """
    parse_json(body)
    return Confirmation.model_validate_json(body, strict=True).data


def order_message(erasure: StoreErasure) -> bytes:
    """Return the order as one store gets it, the same bytes each time it is sent."""
    order = erasure.order
    message = {
        "type": "erasure.ordered",
        "timestamp": format_time(order.ordered_at),
        "data": _order_data(order)
        | {
            "store": str(erasure.store_id),
            "devices": sorted(str(row.device) for row in order.devices.all()),
            "deadline": format_time(erasure.due_at),
            "reply_to": f"{settings.PORTAL_ORIGIN}{REPLY_PATH}",
        },
    }
    return canonical_json(message)


def _order_data(order: ErasureOrder) -> dict[str, object]:
    return {
        "order": str(order.pk),
        "person": str(order.employee.pseudonym),
        "from": format_time(order.starts_at),
        "until": format_time(order.ends_at),
        "applications": sorted(order.applications) if order.applications else None,
    }


def certificate(order: ErasureOrder, *, at: datetime) -> dict[str, object]:
    """Return who confirmed what and when, as it stands in the log and in the receipt of it."""
    return {
        "schema": "erasure-certificate/1",
        **_order_data(order),
        "ordered_at": format_time(order.ordered_at),
        "completed_at": format_time(at),
        "devices": [
            {
                "device": str(row.device),
                "hostname": row.hostname,
                "confirmed_at": format_time(row.confirmed_at) if row.confirmed_at else None,
            }
            for row in order.devices.all()
        ],
        "stores": [
            {
                "store": str(row.store_id),
                "name": row.store.name,
                "confirmed_at": format_time(row.confirmed_at) if row.confirmed_at else None,
                "erased_at": format_time(row.erased_at) if row.erased_at else None,
                "used_in_training": row.used_in_training,
                "records": row.records,
            }
            for row in order.stores.select_related("store")
        ],
    }
