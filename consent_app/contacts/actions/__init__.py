"""Every write of this room, one module per use case."""

from consent_app.contacts.actions.filters import forget_filters, renew_filter
from consent_app.contacts.actions.listing import Added, add_entries, end_entry
from consent_app.contacts.actions.objections import ask_for_link, object_to_all, withdraw_objection

__all__ = [
    "Added",
    "add_entries",
    "ask_for_link",
    "end_entry",
    "forget_filters",
    "object_to_all",
    "renew_filter",
    "withdraw_objection",
]
