"""Invents a roll-out: computers that IT enrolled for others, most of which are theirs by now.

Each was let in by the code, confirmed what it was told with a key of its own, and has been switched
off since: but for the laptop, no agent runs in the demo.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from consent_agent.protocol.documents import Acknowledgement
from consent_agent.protocol.jws import SigningKey, public_key_jwk, sign
from consent_app.devices import queries
from consent_app.devices.actions import (
    accept_device,
    enrol_device,
    issue_rollout,
    receive_acknowledgement,
    refuse_device,
    remove_devices,
)
from consent_app.devices.models import Device
from consent_app.people.models import Employee
from portal.demo.moments import Moment

LABEL = "New computers, autumn"
BEGAN_DAYS_AGO = 20
BEGINS = time(7, 30)


@dataclass(frozen=True)
class Computer:
    """`answer` is what its owner said: yes, no, or nothing yet; `seen_ago` when it was on last."""

    email: str
    hostname: str
    platform: str
    agent_version: str
    answer: str
    seen_ago: timedelta | None
    is_lost: bool = False

    @property
    def confirms(self) -> bool:
        return self.seen_ago is not None


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COMPUTERS = (
    Computer("wei.zhang", "WS-2041", "linux", "1.0.0", "yes", 0.5 * HOUR),
    Computer("lucia.fernandez", "MB-1107", "macos", "1.0.0", "yes", 3 * HOUR),
    Computer("tyler.nakamura", "MB-1112", "macos", "1.0.0", "yes", 16 * HOUR),
    Computer("aisha.rahman", "PC-3310", "windows", "0.9.4", "yes", 2 * DAY),
    Computer("peter.novak", "PC-3311", "windows", "0.9.4", "yes", 6 * DAY),
    Computer("grace.kim", "MB-1120", "macos", "1.0.0", "yes", 4 * HOUR),
    Computer("omar.haddad", "PC-3315", "windows", "1.0.0", "yes", 12 * DAY),
    Computer("sofia.rossi", "MB-1121", "macos", "1.0.0", "yes", 9 * DAY, is_lost=True),
    Computer("daniel.cohen", "PC-3318", "windows", "0.9.4", "yes", None),
    Computer("malia.kealoha", "PC-3319", "windows", "1.0.0", "no", 18 * DAY),
    Computer("jonas.lindqvist", "MB-1130", "macos", "1.0.0", "", 5 * HOUR),
    Computer("arjun.mehta", "WS-2050", "linux", "1.0.0", "", 5 * DAY),
    Computer("chloe.bennett", "PC-3402", "windows", "1.0.0", "yes", 20 * HOUR),
    Computer("yuki.tanaka", "MB-1201", "macos", "1.0.0", "yes", 7 * HOUR),
)


class Fleet:
    """The roll-out, from the code that IT made until what is known now."""

    def __init__(self, administrator: Employee, *, until: datetime) -> None:
        self.administrator = administrator
        zone = ZoneInfo(administrator.time_zone)
        began_on = (until - BEGAN_DAYS_AGO * DAY).astimezone(zone).date()
        self.began = datetime.combine(began_on, BEGINS, zone)
        self.until = until
        self.code = ""
        self.devices: dict[str, Device] = {}
        self.keys: dict[str, SigningKey] = {}

    def moments(self) -> Iterator[Moment]:
        yield Moment(self.began, self._issue)
        for place, computer in enumerate(COMPUTERS):
            at = self.began + timedelta(minutes=15 + 7 * place)
            yield Moment(at, partial(self._enrol, computer))
            if computer.answer:
                yield Moment(at + 3 * HOUR, partial(self._answer, computer))
            if computer.confirms and computer.answer != "no":
                yield Moment(at + 3 * HOUR + timedelta(minutes=1), partial(self._confirm, computer))
            if computer.is_lost:
                yield Moment(self.began + 12 * DAY, partial(self._remove, computer))

    def _issue(self) -> None:
        _, self.code = issue_rollout(label=LABEL, days=60, uses=40, by=self.administrator)

    def _enrol(self, computer: Computer) -> None:
        key = SigningKey.from_private(Ed25519PrivateKey.generate(), role="device")
        device, _token = enrol_device(
            code=self.code,
            public_key=public_key_jwk(key.private.public_key()),
            hostname=computer.hostname,
            platform=computer.platform,
            agent_version=computer.agent_version,
            employee_email=f"{computer.email}@example.com",
        )
        self.devices[computer.hostname], self.keys[computer.hostname] = device, key
        if computer.seen_ago is not None:
            seen_at = max(self.until - computer.seen_ago, timezone.now())
            Device.objects.filter(pk=device.pk).update(last_seen_at=seen_at)

    def _answer(self, computer: Computer) -> None:
        device = self.devices[computer.hostname]
        if computer.answer == "yes":
            accept_device(device=device, by=device.employee)
        else:
            refuse_device(device=device, by=device.employee)

    def _confirm(self, computer: Computer) -> None:
        device = self.devices[computer.hostname]
        device.refresh_from_db()
        policy = device.policies.get(version=device.policy_version)
        told = queries.policy_document(policy)
        ceiling = queries.newest_ceiling(device.employee.jurisdiction)
        if ceiling is None:
            raise RuntimeError("the ceilings are signed before the past begins")
        said = Acknowledgement(
            device=str(device.pk),
            device_version=policy.version,
            device_digest=policy.digest,
            ceiling_digest=ceiling.digest,
            applied_at=timezone.now(),
            effect="not_collecting" if told.deny else "collecting",
            sequence=1,
        )
        key = self.keys[computer.hostname]
        jws = sign(said.to_payload(), typ="acknowledgement+jws", key=key)
        receive_acknowledgement(device=device, jws=jws)

    def _remove(self, computer: Computer) -> None:
        remove_devices(devices=[self.devices[computer.hostname]], by=self.administrator)
