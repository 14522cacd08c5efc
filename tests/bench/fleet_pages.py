"""A fleet in every state for the pages of IT: written by COPY, each device with an owner.

Pages know devices by a handful of columns; policies and their signatures are left out.
"""

import random
import secrets
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import batched
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone

from consent_app.devices import fleet
from consent_app.devices.fleet import Contact, Lag, Standing, Wanted
from consent_app.devices.models import Ceiling, Device, Rollout
from consent_app.people.models import Employee
from consent_app.people.queries import jurisdiction_for
from consent_app.people.roles import Role, ensure_roles
from tests.bench.bench import Bench
from tests.bench.company import FAMILY, GIVEN, PLACES
from tests.bench.copying import copy_models
from tests.bench.figures import percentile
from tests.bench.outcome import Figure, Outcome
from tests.bench.pages import VISITS, Page, pages_table, visit_all

SEED = 5
# A ceiling is signed again whenever who is protected changes.
CEILINGS = 60
CEILING_EVERY = timedelta(hours=18)
VERSIONS = ("1.0.0", "1.0.1", "1.1.0", "0.9.4")
PLATFORMS = ("macos", "windows", "linux")
# How long ago a device was seen last, in seconds, and how many of a hundred.
SEEN = ((60, 62), (40 * 60, 8), (20 * 3600, 15), (6 * 86400, 8), (25 * 86400, 4), (90 * 86400, 3))
CHOSEN = 50
DEVICES = 100_000
BATCH = 5_000


def measure_fleet_pages(bench: Bench) -> Outcome:
    """Write a fleet, and open each page of IT some dozen times."""
    devices = bench.size(DEVICES)
    began = time.monotonic()
    administrator = load_fleet(devices)
    bench.look_over()
    loaded = time.monotonic() - began
    with bench.page_server() as server:
        visits = visit_all(server.port, pages_of_fleet(administrator), times=VISITS)
    title = f"Pages of IT: {devices:,} devices of as many people, loaded in {loaded:.0f} s"
    outcome = Outcome(title, tables=[pages_table(visits)])
    outcome.add_errors({name: visit.errors for name, visit in visits.items() if visit.errors})
    slowest = max(percentile(visit.seconds, 50) for visit in visits.values()) * 1000
    outcome.figures = [Figure.at_most("the slowest page of IT: median, ms", slowest, 150)]
    return outcome


def load_fleet(count: int) -> Employee:
    """Write `count` people with a device each, and ceilings they follow; return who looks at it."""
    chance, now = random.Random(SEED), timezone.now()  # noqa: S311 (invents a fleet)
    *people, last = _people(count + 1, chance)
    _copy([*people, last])
    administrator = Employee.objects.get(pk=last.pk)  # as it is stored
    administrator.groups.add(ensure_roles()[Role.IT_ADMINISTRATOR])
    _sign_ceilings_before(now)
    rollout = Rollout.objects.create(
        label="New computers", code_hash=secrets.token_bytes(32), issued_by=administrator,
        issued_at=now, expires_at=now + timedelta(days=30), uses=count // 50,
    )  # fmt: skip
    numbered = enumerate(people)
    _copy([_device(person, place, rollout, chance, now) for place, person in numbered])
    return administrator


def _copy(rows: Sequence[Model]) -> None:
    """Write rows in parts, each well within the time that a statement has."""
    for part in batched(rows, BATCH):
        copy_models(part)


def pages_of_fleet(reader: Employee) -> list[Page]:
    """Return the pages that are measured."""
    held = fleet.in_force(at=timezone.now())
    name = f"{GIVEN.split()[3]} {FAMILY.split()[7]}"
    wanted = {
        "all": {},
        "by a name": {"search": name},
        "by a device": {"search": "PC-000077"},
        "by nothing there": {"search": "zzzz"},
        **{f"that are {s.label.lower()}": {"standing": s.value} for s in Standing},
        "seen within 7 days": {"contact": Contact.WEEK.value},
        "that lag up to a week": {"lag": Lag.WEEK.value},
        "old agents that lag": {"version": VERSIONS[-1], "lag": Lag.LONGER.value},
    }
    devices: QuerySet[Device] = Device.objects.order_by("hostname", "pk")
    deep = devices[devices.count() * 3 // 4].pk
    chosen = fleet.listed(Wanted(standing=Standing.LAGGING.value), held=held).devices[:CHOSEN]
    choice = urlencode([("device", device.pk) for device in chosen])
    return [
        *(_page(reader, f"devices {what}", f"{reverse('fleet')}?{urlencode(query)}")
          for what, query in wanted.items()),
        _page(reader, "devices, far down", f"{reverse('fleet')}?after={deep}"),
        _page(reader, "policy lag", reverse("fleet-lag")),
        _page(reader, "one device", reverse("fleet-device", args=[deep])),
        _page(reader, f"{len(chosen)} devices chosen", f"{reverse('fleet-chosen')}?{choice}"),
        _page(reader, "roll-out codes", reverse("rollouts")),
    ]  # fmt: skip


def _page(reader: Employee, name: str, address: str) -> Page:
    return Page(name, "fleet", reader, [address])


def _people(count: int, chance: random.Random) -> Iterator[Employee]:
    places = {code: jurisdiction_for(code) for code, *_ in PLACES}
    for number in range(count):
        ((code, time_zone, _),) = chance.choices(PLACES, [share for *_, share in PLACES])
        yield Employee(
            name=f"{chance.choice(GIVEN.split())} {chance.choice(FAMILY.split())}",
            email=f"owner{number}@example.com", employee_number=f"F{number:06}", password="!",
            jurisdiction=places[code], time_zone=time_zone,
        )  # fmt: skip


def _sign_ceilings_before(now: datetime) -> None:
    """Let the ceilings that are signed be the last of many, each in force for a while."""
    for last in Ceiling.objects.order_by("jurisdiction_id", "-version").distinct("jurisdiction_id"):
        Ceiling.objects.bulk_create(
            Ceiling(
                jurisdiction_id=last.jurisdiction_id, version=last.version + CEILINGS - back,
                register_id=last.register_id, content_digest=last.content_digest, jws=last.jws,
                digest=f"sha256:{uuid.uuid4().hex:>064}", signed_at=now,
                in_force_at=now - timedelta(minutes=20) - back * CEILING_EVERY,
            )
            for back in range(CEILINGS)
        )  # fmt: skip
        Ceiling.objects.filter(pk=last.pk).update(in_force_at=now - CEILINGS * CEILING_EVERY)


def _device(
    person: Employee, place: int, rollout: Rollout, chance: random.Random, now: datetime
) -> Device:
    seen = chance.choices([span for span, _ in SEEN], [share for _, share in SEEN])[0]
    behind = chance.choices([0, 1, 5, 20, 45], [90, 4, 3, 2, 1])[0]
    rolled_out = place % 50 == 1
    return Device(
        employee=person, hostname=f"PC-{place:06}", platform=chance.choice(PLATFORMS),
        agent_version=chance.choices(VERSIONS, [20, 30, 45, 5])[0],
        public_key=secrets.token_hex(21), token_hash=secrets.token_bytes(32),
        enrolled_at=now - timedelta(days=100),
        revoked_at=now if place % 40 == 2 else None, policy_version=1,
        last_seen_at=now - timedelta(seconds=chance.uniform(0, seen)),
        rollout=rollout if rolled_out else None,
        accepted_at=now if rolled_out and place % 100 == 1 else None,
        cohort=person.jurisdiction_id,
        confirmed_ceiling=0 if place % 200 == 3 else 1 + CEILINGS - behind,
        ceiling_confirmed_at=now,
    )  # fmt: skip
