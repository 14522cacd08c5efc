"""People who press the pause button in the tray of a waiting device, and devices that confirm.

Whatever changes for a device that has a key is confirmed: it signs what it applied, and that it
collects nothing. One person after the other pauses; who has paused resumes when it is their turn
again.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from typing import Final

from consent_agent.protocol.documents import Acknowledgement
from consent_agent.protocol.jws import sign
from consent_fleet.devices import Device
from consent_fleet.fleet import Fleet
from consent_fleet.http import Answer
from consent_fleet.pool import Call
from consent_fleet.waiting import Change

MINUTES: Final = 15
CREATED, ACCEPTED, NO_CONTENT = 201, 202, 204


@dataclass(slots=True)
class Pressed:
    """A press whose change has not been confirmed yet."""

    at: float
    is_pause: bool


@dataclass
class Tray:
    """Presses and confirms; `on_confirmed(device, at)` hears of each."""

    fleet: Fleet
    on_confirmed: Callable[[Device, float], None]
    _pressed: dict[str, Pressed] = field(default_factory=dict)
    _paused: set[str] = field(default_factory=set)
    _sequences: dict[str, int] = field(default_factory=dict)

    async def press_in_turn(self, devices: Sequence[Device], *, every: float, until: float) -> None:
        """Let one device after the other pause, one each `every` seconds, until then."""
        for device in cycle(devices):
            if time.monotonic() > until:
                break
            self.press(device)
            await asyncio.sleep(every)

    def press(self, device: Device) -> None:
        is_pause = device.id not in self._paused
        if is_pause:
            body = {"minutes": MINUTES, "idempotency_key": secrets.token_hex(8)}
            request, expected = device.call("POST", "pauses", body), CREATED
            self._paused.add(device.id)
        else:
            request, expected = device.call("DELETE", "pauses/current"), NO_CONTENT
            self._paused.discard(device.id)
        now = time.monotonic()
        self._pressed[device.id] = Pressed(now, is_pause)
        answered = partial(self._answered, "press to answer", expected, now)
        self.fleet.pool.submit(Call(request, answered, self.fleet.tally.error))

    def take(self, change: Change) -> None:
        """Note how long the change took to arrive, and confirm it."""
        device, pressed = change.device, self._pressed.pop(change.device.id, None)
        if pressed is not None:
            self.fleet.tally.time("press to new policy", change.at - pressed.at)
        if device.key and self.fleet.checker.held_by(device) is not None:
            confirmed = partial(self._confirmed, change, pressed)
            acknowledgement = device.call("POST", "acknowledgements", {"jws": self._jws(device)})
            self.fleet.pool.submit(Call(acknowledgement, confirmed, self.fleet.tally.error))

    def _confirmed(
        self, change: Change, pressed: Pressed | None, answer: Answer, at: float
    ) -> None:
        self._answered("change to confirmation", ACCEPTED, change.at, answer, at)
        if answer.status == ACCEPTED:
            self.on_confirmed(change.device, at)
            if pressed is not None:
                self.fleet.tally.time("press to confirmation", at - pressed.at)

    def _answered(self, name: str, expected: int, since: float, answer: Answer, at: float) -> None:
        self.fleet.tally.time(name, at - since)
        if answer.status != expected:
            self.fleet.tally.error(f"{name}: status {answer.status}")

    def _jws(self, device: Device) -> str:
        held = self.fleet.checker.held_by(device)
        assert held is not None  # noqa: S101 (the caller asked)
        # Milliseconds since 1970: what this device confirms in a later run comes later, too.
        sequence = max(self._sequences.get(device.id, 0) + 1, int(time.time() * 1000))
        self._sequences[device.id] = sequence
        said = Acknowledgement(
            device=device.id,
            device_version=held.policy.version,
            device_digest=held.device_digest,
            ceiling_digest=held.ceiling_digest,
            applied_at=datetime.now(UTC),
            effect="not_collecting",
            sequence=sequence,
        )
        return sign(said.to_payload(), typ="acknowledgement+jws", key=device.signing_key)
