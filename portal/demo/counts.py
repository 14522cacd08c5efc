"""Invents what the laptop counted that the demo's employee had before: six weeks of office days.

It was let in by a code and removed again, as any device; its reports go the way that an agent's go.
Nothing was captured anywhere: the numbers are made up, the same in each demo.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.protocol.jws import public_key_jwk
from consent_app.devices.actions import enrol_device, issue_enrolment_code, revoke_device
from consent_app.devices.models import Device
from consent_app.ledger.actions import receive_report
from consent_app.ledger.rules import Counted, Spent
from consent_app.people.models import Employee
from exemptions.deadlines import is_business_day, local_day
from portal.demo.moments import Moment

HOSTNAME = "LAPTOP-0"
DAYS = 42
SEED = 7
BEGINS, ENDS, REMOVED = time(8, 40), time(18, 30), time(18, 50)
HOURS = range(9, 18)
# How much of somebody's work happens there.
APPLICATIONS = {
    "visual-studio-code": 9,
    "slack": 7,
    "google-docs": 5,
    "github": 5,
    "notion": 3,
    "zoom": 2,
    "figma": 1,
}
# Events in an hour of nothing else.
KINDS = {"mouse_movement": 900, "mouse_click": 260, "keystrokes": 2400}


class OldLaptop:
    """The laptop, from the code that let it in until it was removed."""

    def __init__(self, employee: Employee, *, until: datetime) -> None:
        self.employee = employee
        self.zone = ZoneInfo(employee.time_zone)
        self.today = local_day(until, time_zone=employee.time_zone)
        self.chance = random.Random(SEED)  # noqa: S311 (invents numbers)
        self.device = Device()

    def moments(self) -> Iterator[Moment]:
        days = [self.today - timedelta(days=ago) for ago in range(DAYS, 0, -1)]
        yield Moment(datetime.combine(days[0], BEGINS, self.zone), self._enrol)
        for day in days:
            if is_business_day(day, jurisdiction=self.employee.jurisdiction_id):
                at = datetime.combine(day, ENDS, self.zone)
                yield Moment(at, partial(self._report, at))
        yield Moment(datetime.combine(days[-1], REMOVED, self.zone), self._remove)

    def _enrol(self) -> None:
        code = issue_enrolment_code(employee=self.employee, by=self.employee)
        key = Ed25519PrivateKey.generate()
        self.device, _token = enrol_device(
            code=code,
            public_key=public_key_jwk(key.public_key()),
            hostname=HOSTNAME,
            platform="linux",
            agent_version="1.0.0",
        )

    def _report(self, at: datetime) -> None:
        counted: list[Counted] = []
        spent = []
        for clock in HOURS:
            local = datetime.combine(at.date(), time(clock), self.zone)
            hour = local.astimezone(UTC).replace(minute=0)
            counted += self._hour(hour, self._busy(clock))
            battery = self._around(45)
            spent.append(Spent(hour, self.chance.uniform(6, 20), self._around(18_000), battery))
        receive_report(device=self.device, counted=counted, spent=spent)

    def _remove(self) -> None:
        revoke_device(device=self.device, by=self.employee)

    def _hour(self, hour: datetime, busy: float) -> Iterator[Counted]:
        paused = self.chance.choice((0, 0, 0, 0.25, 0.5))
        weights = list(APPLICATIONS.values())
        seen = set(self.chance.choices(list(APPLICATIONS), weights, k=4))
        for application in sorted(seen):
            share = APPLICATIONS[application] / sum(weights)
            for kind, events in KINDS.items():
                count = self._around(events * share * busy)
                left_out = self._left_out(count, paused, application)
                yield Counted(hour, application, kind, count - sum(left_out.values()), left_out)

    def _left_out(self, count: int, paused: float, application: str) -> Mapping[str, int]:
        """Return what was not captured: pauses, and now and then a password in the browser."""
        reasons = {"pause": int(count * paused)}
        if application == "github":
            reasons["safeguard"] = count // 40
        return {reason: number for reason, number in reasons.items() if number}

    def _busy(self, clock: int) -> float:
        return {9: 0.6, 12: 0.35, 13: 0.7, 17: 0.5}.get(clock, 1.0)

    def _around(self, number: float) -> int:
        return int(number * self.chance.uniform(0.6, 1.4))
