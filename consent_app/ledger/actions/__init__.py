"""What changes the ledger: reports of devices, incidents, and days that come and go."""

from consent_app.ledger.actions.days import keep_days
from consent_app.ledger.actions.incidents import close_incident
from consent_app.ledger.actions.reports import receive_report

__all__ = ["close_incident", "keep_days", "receive_report"]
