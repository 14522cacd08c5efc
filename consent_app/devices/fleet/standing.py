"""Where one device stands, as far as everybody in IT may know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery, TextChoices

from consent_app.devices.display import SILENT_AFTER
from consent_app.devices.models import Ceiling, Device
from consent_app.people.models import Jurisdiction


class Standing(TextChoices):
    """Where a device stands; the first that fits, from below."""

    IN_DATE = "in_date", "In date"
    LAGGING = "lagging", "Lags behind"
    UNCONFIRMED = "unconfirmed", "Unconfirmed"
    OUT_OF_REACH = "out_of_reach", "Out of reach"
    WAITING = "waiting", "Waits for its owner"
    REMOVED = "removed", "Removed"


class Lag(TextChoices):
    """For how long a device has not confirmed what is in force where its owner works."""

    NONE = "none", "Up to 5 minutes"
    HOUR = "hour", "Up to an hour"
    DAY = "day", "Up to a day"
    WEEK = "week", "Up to 7 days"
    MONTH = "month", "Up to 30 days"
    LONGER = "longer", "More than 30 days"
    NOTHING = "nothing", "Has confirmed nothing"


class Contact(TextChoices):
    """When a device last asked for its policy; told no closer, see the module."""

    NOW = "now", "In contact"
    HOUR = "hour", "Within an hour"
    DAY = "day", "Within a day"
    WEEK = "week", "Within 7 days"
    MONTH = "month", "Within 30 days"
    EARLIER = "earlier", "More than 30 days ago"
    NEVER = "never", "Never"


# How long each may be, the shortest first. A ceiling takes a moment to reach everybody.
LAGS = {
    Lag.NONE: timedelta(minutes=5),
    Lag.HOUR: timedelta(hours=1),
    Lag.DAY: timedelta(days=1),
    Lag.WEEK: timedelta(days=7),
    Lag.MONTH: timedelta(days=30),
}
CONTACTS = {
    Contact.NOW: SILENT_AFTER,
    Contact.HOUR: timedelta(hours=1),
    Contact.DAY: timedelta(days=1),
    Contact.WEEK: timedelta(days=7),
    Contact.MONTH: timedelta(days=30),
}

Versions = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InForce:
    """The versions of ceilings that hold at `at`, and that held as long ago as each of LAGS.

    A device has confirmed within that time what was in force then, or it lags for longer.
    """

    at: datetime
    now: Versions
    then: Mapping[Lag, Versions]

    def standing_of(self, device: Device) -> Standing:
        if device.revoked_at is not None:
            return Standing.REMOVED
        if device.waits_for_owner:
            return Standing.WAITING
        if self.contact_of(device) != Contact.NOW:
            return Standing.OUT_OF_REACH
        return self.following(device.cohort, device.confirmed_ceiling)

    def following(self, cohort: str, confirmed: int) -> Standing:
        """Return how a device stands that is in contact and its owner's."""
        match self.lag(cohort, confirmed):
            case Lag.NONE:
                return Standing.IN_DATE
            case Lag.NOTHING:
                return Standing.UNCONFIRMED
        return Standing.LAGGING

    def lag(self, cohort: str, confirmed: int) -> Lag:
        if confirmed == 0:
            return Lag.NOTHING
        held = (lag for lag in LAGS if confirmed >= self.then[lag].get(cohort, 0))
        return next(held, Lag.LONGER)

    def lag_of(self, device: Device) -> Lag:
        return self.lag(device.cohort, device.confirmed_ceiling)

    def contact_of(self, device: Device) -> Contact:
        seen = device.last_seen_at
        if seen is None:
            return Contact.NEVER
        near = (contact for contact, span in CONTACTS.items() if self.at - seen <= span)
        return next(near, Contact.EARLIER)


def in_force(*, at: datetime) -> InForce:
    """Read which version of each cohort's ceiling holds, and which held before."""
    moments = [at, *(at - span for span in LAGS.values())]
    held = {f"held_{place}": _version_at(moment) for place, moment in enumerate(moments)}
    rows = Jurisdiction.objects.order_by().annotate(**held).values_list("pk", *held)
    now, *then = (
        {row[0]: row[place] for row in rows if row[place]} for place in range(1, len(moments) + 1)
    )
    return InForce(at, now, dict(zip(LAGS, then, strict=True)))


def _version_at(moment: datetime) -> Subquery:
    holding = Ceiling.objects.filter(jurisdiction=OuterRef("pk"), in_force_at__lte=moment)
    return Subquery(holding.order_by("-in_force_at", "-version").values("version")[:1])
