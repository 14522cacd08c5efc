"""The tables of this room: Restriction, what people prefer, and stops of the programme."""

from consent_app.restrictions.models.preferences import PausePreference, QuietTime
from consent_app.restrictions.models.restrictions import (
    EVERY_DEVICE,
    LONGEST_PAUSE,
    PERIOD,
    Restriction,
    RestrictionQuerySet,
    Source,
)
from consent_app.restrictions.models.stops import ProgrammeStop

__all__ = [
    "EVERY_DEVICE",
    "LONGEST_PAUSE",
    "PERIOD",
    "PausePreference",
    "ProgrammeStop",
    "QuietTime",
    "Restriction",
    "RestrictionQuerySet",
    "Source",
]
