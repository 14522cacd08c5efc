"""Whether answers are what they must be: all at a glance, those of a sample by every check.

A device of the sample does what the reference agent does: it keeps the documents and the floors,
and puts each answer through `consent_agent.acceptance`. Documents are some 10 kB a device, and a
check takes about a millisecond: hence a sample.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from consent_agent.acceptance import AcceptedPolicy, Floors, SignedDocuments, accept
from consent_agent.protocol.jws import KeySet
from consent_fleet.devices import Device
from consent_fleet.http import Answer, Malformed

OK = 200
NOT_MODIFIED = 304


class Refused(Exception):
    """The portal answered with an error; `kind` names its status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.kind = f"status {status}"


@dataclass(slots=True)
class Held:
    """What a device of the sample has accepted."""

    floors: Floors
    accepted: AcceptedPolicy | None = None


class Checker:
    def __init__(self, keys: KeySet) -> None:
        self._keys = keys
        self._held: dict[str, Held] = {}

    def choose(self, devices: Iterable[Device]) -> None:
        """Check all that these are told from now on; they ask for their documents afresh."""
        for device in devices:
            device.etag = ""
            self._held[device.id] = Held(Floors())

    def held_by(self, device: Device) -> AcceptedPolicy | None:
        """Return what the device accepted last; None when it is not of the sample."""
        held = self._held.get(device.id)
        return held.accepted if held else None

    def take(self, device: Device, answer: Answer) -> bool:
        """Let the device take the answer; say whether every check was made.

        Raises:
            Refused: the portal refused.
            Malformed: the answer lacks what an agent needs.
            DocumentRefused: a document is not what it must be.
        """
        if answer.status == OK:
            etag = answer.header(b"etag")
            if not etag:
                raise Malformed("etag_missing")
        elif answer.status == NOT_MODIFIED:
            if not device.etag:
                raise Malformed("not_modified_unasked")
            if not answer.header(b"policy-freshness"):
                raise Malformed("freshness_missing")
            etag = device.etag
        else:
            raise Refused(answer.status)
        held = self._held.get(device.id)
        if held is not None:
            self._accept(device, held, answer)
        device.etag = sys.intern(etag)  # most devices have the same
        return held is not None

    def _accept(self, device: Device, held: Held, answer: Answer) -> None:
        if answer.status == OK:
            signed = _documents(answer.body)
        elif held.accepted is None:
            raise Malformed("not_modified_unasked")
        else:
            before = held.accepted.signed
            freshness = answer.header(b"policy-freshness") or ""
            signed = SignedDocuments(before.device, before.ceiling, freshness)
        now = datetime.now(UTC)
        held.accepted = accept(
            signed, keys=self._keys, device=device.id, floors=held.floors, now=now
        )
        held.floors = held.accepted.raise_floors(held.floors)


def _documents(body: bytes) -> SignedDocuments:
    try:
        said = json.loads(body)
        return SignedDocuments(said["device"], said["ceiling"], said["freshness"])
    except (ValueError, KeyError, TypeError):
        raise Malformed("no_documents") from None
