"""Every write of this room: orders, what devices and stores say of them, and the stores."""

from consent_app.erasure.actions.deliveries import deliver
from consent_app.erasure.actions.devices import (
    confirm_on_device,
    forget_device,
    note_told,
)
from consent_app.erasure.actions.keys import rewrap_keys, sealing_key_ids
from consent_app.erasure.actions.orders import order_erasure
from consent_app.erasure.actions.replies import confirm_at_store
from consent_app.erasure.actions.stores import (
    add_store,
    move_store,
    resend_orders,
    retire_store,
    rotate_key,
)
from consent_app.erasure.actions.timekeeping import keep_time

__all__ = [
    "add_store",
    "confirm_at_store",
    "confirm_on_device",
    "deliver",
    "forget_device",
    "keep_time",
    "move_store",
    "note_told",
    "order_erasure",
    "resend_orders",
    "retire_store",
    "rewrap_keys",
    "rotate_key",
    "sealing_key_ids",
]
