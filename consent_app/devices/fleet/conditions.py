"""What `standing` says of one device, as conditions that PostgreSQL puts to all of them."""

from collections import defaultdict
from datetime import datetime

from django.db.models import Q

from consent_app.devices.fleet.standing import (
    CONTACTS,
    LAGS,
    Contact,
    InForce,
    Lag,
    Standing,
    Versions,
)
from consent_app.devices.models import WAITS_FOR_OWNER, DeviceQuerySet


def standing_is(devices: DeviceQuerySet, standing: Standing, held: InForce) -> DeviceQuerySet:
    if standing == Standing.REMOVED:
        return devices.filter(revoked_at__isnull=False)
    if standing == Standing.WAITING:
        return devices.waiting()
    owned = devices.filter(revoked_at__isnull=True).exclude(WAITS_FOR_OWNER)
    near = in_contact(Contact.NOW, at=held.at)
    if standing == Standing.OUT_OF_REACH:
        return owned.exclude(near)
    near_by = owned.filter(near)
    if standing == Standing.UNCONFIRMED:
        return near_by.filter(confirmed_ceiling=0)
    follows = _confirmed_since(held.then[Lag.NONE])
    if standing == Standing.IN_DATE:
        return near_by.filter(follows, confirmed_ceiling__gt=0)
    return near_by.filter(~follows, confirmed_ceiling__gt=0)


def lag_is(lag: Lag, held: InForce) -> Q:
    if lag == Lag.NOTHING:
        return Q(confirmed_ceiling=0)
    confirmed = Q(confirmed_ceiling__gt=0)
    shorter = dict(zip([*LAGS, Lag.LONGER], [None, *LAGS], strict=True))[lag]
    # First what leaves the fewest: PostgreSQL looks in this order, and few lag for long.
    if shorter is not None:
        confirmed &= ~_confirmed_since(held.then[shorter])
    if lag in held.then:
        confirmed &= _confirmed_since(held.then[lag])
    return confirmed


def _confirmed_since(versions: Versions) -> Q:
    """Return what holds for devices that confirmed these versions, each of its own cohort."""
    # Most cohorts are at the same version. A join would be planned as if it were for thousands.
    cohorts: defaultdict[int, list[str]] = defaultdict(list)
    for cohort, version in versions.items():
        cohorts[version].append(cohort)
    fits = ~Q(cohort__in=list(versions))
    for version, places in cohorts.items():
        fits |= Q(cohort__in=places, confirmed_ceiling__gte=version)
    return fits


def in_contact(contact: Contact, *, at: datetime) -> Q:
    if contact == Contact.NEVER:
        return Q(last_seen_at__isnull=True)
    bounds = dict(zip([*CONTACTS, Contact.EARLIER], [None, *CONTACTS.values()], strict=True))
    fits = Q()
    if contact in CONTACTS:
        fits &= Q(last_seen_at__gte=at - CONTACTS[contact])
    if (nearer := bounds[contact]) is not None:
        fits &= Q(last_seen_at__lt=at - nearer)
    # Written out, so that its opposite holds for those never seen.
    return fits & Q(last_seen_at__isnull=False)
