"""The tables of the ledger: what devices counted, and what they counted undeclared."""

from consent_app.ledger.models.counts import HourlyCost, HourlyCount, Reporter, Word
from consent_app.ledger.models.incidents import EXPLANATION_LENGTH, Incident, IncidentDevice

__all__ = [
    "EXPLANATION_LENGTH",
    "HourlyCost",
    "HourlyCount",
    "Incident",
    "IncidentDevice",
    "Reporter",
    "Word",
]
