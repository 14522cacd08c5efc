"""What the agent remembers between runs, read back with the same distrust as from the network.

The enrolment (device key, token, pinned keys), the newest key set, the last policy with the clocks
at its receipt, version floors, acknowledgements, where its owner works, their own pause, what was
erased; and the documents that a ceiling names by their digest, which are the register and the
counterparty filter. All but those are sealed; their digest is computed again. Signatures inside are
checked again by whoever loads a policy (`gate`). How files are written is left to `storage`.
"""

import contextlib
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.acceptance import Floors, SignedDocuments
from consent_agent.clock import Instant
from consent_agent.errors import NotEnrolled, StateRefused
from consent_agent.floors import (
    LOST_PLACE,
    PLACE_UNKNOWN,
    Place,
    floors_members,
    older_place,
    place_members,
    read_floors,
    read_place,
)
from consent_agent.folders import check_folder
from consent_agent.ledger import LEDGER_FILES
from consent_agent.locking import WRITE_LOCK, one_writer
from consent_agent.protocol.canonical import canonical_json, content_digest, parse_json
from consent_agent.protocol.documents import Ceiling, Erase
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import (
    DEVICE_ROLE,
    KeySet,
    SigningKey,
    decode_base64url,
    encode_base64url,
)
from consent_agent.protocol.keys import read_key_set
from consent_agent.protocol.members import MAX_VERSION, Members
from consent_agent.protocol.times import format_time
from consent_agent.storage import Folder, Look, Seal

MAX_PAUSE_MINUTES: Final = 30

_ENROLMENT = "enrolment.json"
_KEYS = "keys.json"
_POLICY = "policy.json"
_FLOORS = "floors.json"
_ACKNOWLEDGEMENT = "acknowledgement.json"
_PAUSE = "pause.json"
_REPORTED_PAUSE = "reported-pause.json"
_PLACE = "place.json"
_REGISTERS = "registers"
_FILTERS = "filters"
_ERASURES = "erasures.json"
SPOOL: Final = "spool"


@dataclass(frozen=True)
class Enrolment:
    """Who this device is, to which portal, and whose signatures it believes.

    `key_set` is the signed set that came with the answer; kept in a file of its own, which later
    ones replace.
    """

    portal_url: str
    policy_url: str
    device_id: str
    token: str
    jwks: Mapping[str, object]
    private: Ed25519PrivateKey
    key_set: str | None = None

    @property
    def keys(self) -> KeySet:
        """Return the keys that were given at enrolment; its programme keys hold for good."""
        return KeySet.from_jwks(self.jwks)

    @property
    def signing_key(self) -> SigningKey:
        return SigningKey.from_private(self.private, role=DEVICE_ROLE)


@dataclass(frozen=True)
class StoredPolicy:
    """The last policy taken, when it came, and the portal's name for it."""

    signed: SignedDocuments
    etag: str
    received: Instant


@dataclass(frozen=True)
class StoredAcknowledgement:
    """The last acknowledgement made: what for, and the JWS while the portal does not have it."""

    sequence: int
    subject: str
    unsent: str | None


@dataclass(frozen=True)
class LocalPause:
    """A pause that the person started on this device."""

    minutes: int
    started: Instant
    idempotency_key: str

    @property
    def ends_at(self) -> datetime:
        return self.started.wall + timedelta(minutes=self.minutes)

    def remaining(self, now: Instant) -> timedelta:
        """Return what is left: by the steady clock within one boot, by the wall clock after it."""
        whole = timedelta(minutes=self.minutes)
        if now.boot == self.started.boot:
            left = whole - timedelta(seconds=now.steady - self.started.steady)
        else:
            left = self.ends_at - now.wall
        return min(whole, left)

    def is_in_force(self, now: Instant) -> bool:
        return self.remaining(now) > timedelta(0)

    def remaining_minutes(self, now: Instant) -> int:
        return max(1, math.ceil(self.remaining(now) / timedelta(minutes=1)))


def place_stamp(path: Path) -> object:
    """Return what changes when the file of the owner's place does; None without one."""
    return Folder(path).stamp(_PLACE)


def pause_stamp(path: Path) -> object:
    """Return what changes when the pause's file in a state folder does; None without one."""
    return Folder(path).stamp(_PAUSE)


class State:
    """The state folder of one enrolled device."""

    def __init__(self, folder: Folder, enrolment: Enrolment) -> None:
        self._folder = folder
        self._seal = Seal(enrolment.private)
        self.enrolment = enrolment

    @property
    def path(self) -> Path:
        return self._folder.path

    @classmethod
    def create(cls, path: Path, enrolment: Enrolment, *, place: str = PLACE_UNKNOWN) -> "State":
        """Begin anew; what an earlier enrolment left behind is no longer readable, and goes.

        `place` is where the owner works, if that is known before the first policy.
        """
        check_folder(path)
        state = cls(Folder(path), enrolment)
        state.forget()
        if enrolment.key_set is not None:
            state.write_keys(enrolment.key_set)
        # What is not there later was lost.
        state.write_place(Place(place, is_open_to_first=not place))
        state.write_floors(Floors(keys_version=state.read_keys()[0].version))
        state._write(_ENROLMENT, _enrolment_members(enrolment))
        return state

    @classmethod
    def load(cls, path: Path) -> "State":
        """Open the folder of an enrolled device.

        Raises:
            NotEnrolled: there is no enrolment.
            StateRefused: it was altered.
            FolderRefused: the folder is not this user's alone.
        """
        check_folder(path)
        folder = Folder(path)
        sealed = folder.read(_ENROLMENT)
        if sealed is None:
            raise NotEnrolled
        try:
            content = sealed.partition(b"\n")[2]
            enrolment = _read_enrolment(Members(parse_json(content)))
        except (DocumentRefused, ValueError):
            raise StateRefused(_ENROLMENT, "was altered; enrol again") from None
        state = cls(folder, enrolment)
        state._seal.open(_ENROLMENT, sealed)
        return state

    @staticmethod
    def look(path: Path) -> Look:
        """Look whether what a policy is restored from may have changed, but for its documents."""
        return Folder(path).look((_ENROLMENT, _KEYS, _POLICY, _FLOORS, _PLACE, _PAUSE))

    @staticmethod
    def look_at_documents(path: Path, ceiling: Ceiling) -> Look:
        """Look at the register and the counterparty filter that a ceiling names."""
        names = [_document_name(_REGISTERS, ceiling.register)]
        if ceiling.counterparties is not None:
            names.append(_document_name(_FILTERS, ceiling.counterparties))
        return Folder(path).look(names)

    @staticmethod
    def exists(path: Path) -> bool:
        return (path / _ENROLMENT).exists()

    def forget(self) -> None:
        """Delete everything, the credentials first."""
        self.erase(self.path)

    @staticmethod
    def erase(path: Path) -> None:
        """Delete everything in a state folder, whether or not it can be read."""
        folder = Folder(path)
        for name in (
            _ENROLMENT,
            _KEYS,
            _POLICY,
            _FLOORS,
            _PLACE,
            _ACKNOWLEDGEMENT,
            _PAUSE,
            _REPORTED_PAUSE,
            _ERASURES,
            *folder.names(_REGISTERS),
            *folder.names(_FILTERS),
            *folder.names(SPOOL),
            WRITE_LOCK,
            *LEDGER_FILES,
        ):
            folder.remove(name)
        for below in (_REGISTERS, _FILTERS, SPOOL):
            with contextlib.suppress(OSError):  # there is none, or something of others in it
                (path / below).rmdir()

    def read_keys(self) -> tuple[KeySet, str | None]:
        """Return the keys to believe, and the signed set that names them, if there ever was one.

        Raises:
            StateRefused: the file was altered.
            DocumentRefused: the set is not signed with a pinned programme key.
        """
        members = self._read(_KEYS)
        pinned = self.enrolment.keys
        if members is None:
            return pinned, None
        token = members.text("jws")
        return read_key_set(token, pinned=pinned), token

    def write_keys(self, token: str) -> None:
        self._write(_KEYS, {"jws": token})

    def read_policy(self) -> StoredPolicy | None:
        members = self._read(_POLICY)
        if members is None:
            return None
        signed = SignedDocuments(
            members.text("device"), members.text("ceiling"), members.text("freshness")
        )
        return StoredPolicy(signed, members.text("etag"), _read_instant(members.nested("received")))

    def write_policy(self, policy: StoredPolicy, floors: Floors) -> None:
        """Keep a policy, then its floors: another process never finds floors above the policy."""
        self._write(_POLICY, _policy_members(policy))
        self.write_floors(floors)

    def renew_policy(self, policy: StoredPolicy) -> None:
        """Keep the same documents with a newer freshness.

        The disk may take its time: after a crash of the whole computer nothing stored is fresh.
        """
        self._write(_POLICY, _policy_members(policy), at_once=False)

    def remove_policy(self) -> None:
        self._folder.remove(_POLICY)

    def write_floors(self, floors: Floors) -> None:
        self._write(_FLOORS, floors_members(floors))

    def read_floors(self) -> Floors:
        """Return the version floors.

        Raises:
            StateRefused, DocumentRefused: there are none, or they were altered.
        """
        members = self._read(_FLOORS)
        if members is None:
            raise StateRefused(_FLOORS, "is not there")
        return read_floors(members, policy_keys=self.enrolment.keys.of_role("policy"))

    def read_place(self, floors: Floors) -> Place:
        """Return where this device's owner works, as the device knows.

        Version 0.1.0 kept no place: then it is the only one that the floors know.
        """
        try:
            members = self._read(_PLACE)
            if members is not None:
                return read_place(members)
        except (StateRefused, DocumentRefused):
            return LOST_PLACE
        return LOST_PLACE if floors.has_place else older_place(floors)

    def write_place(self, place: Place) -> None:
        self._write(_PLACE, place_members(place))

    def say_place(self, cohort: str) -> None:
        """Keep the owner's word that they work there now.

        Raises:
            StateRefused, DocumentRefused: the floors were lost. The agent has to see to that first,
                and would not go by this word afterwards.
        """
        floors = Floors(has_place=False) if self.is_untouched() else self.read_floors()
        with self.writing_place():
            place = self.read_place(floors)
            self.write_place(replace(place, cohort=cohort, is_open_to_first=False))

    def writing_place(self) -> AbstractContextManager[None]:
        """Be the only one who writes the owner's place, the agent or the owner."""
        return one_writer(self.path)

    def is_untouched(self) -> bool:
        """Say whether version 0.1.0 enrolled this device and has taken no policy for it yet."""
        names = (_FLOORS, _PLACE, _POLICY, _ACKNOWLEDGEMENT)
        return all(self._folder.stamp(name) is None for name in names)

    def read_acknowledgement(self) -> StoredAcknowledgement | None:
        members = self._read(_ACKNOWLEDGEMENT)
        if members is None:
            return None
        return StoredAcknowledgement(
            sequence=members.integer("sequence", low=1, high=MAX_VERSION),
            subject=members.text("subject"),
            unsent=members.text_or_none("unsent"),
        )

    def write_acknowledgement(self, acknowledgement: StoredAcknowledgement) -> None:
        self._write(
            _ACKNOWLEDGEMENT,
            {
                "sequence": acknowledgement.sequence,
                "subject": acknowledgement.subject,
                "unsent": acknowledgement.unsent,
            },
        )

    def read_pause(self) -> LocalPause | None:
        members = self._read(_PAUSE)
        if members is None:
            return None
        return LocalPause(
            minutes=members.integer("minutes", low=1, high=MAX_PAUSE_MINUTES),
            started=_read_instant(members.nested("started")),
            idempotency_key=members.text("idempotency_key"),
        )

    def write_pause(self, pause: LocalPause) -> None:
        self._write(
            _PAUSE,
            {
                "minutes": pause.minutes,
                "started": _instant_members(pause.started),
                "idempotency_key": pause.idempotency_key,
            },
        )

    def remove_pause(self) -> None:
        self._folder.remove(_PAUSE)

    def is_reported(self, pause: LocalPause) -> bool:
        members = self._read(_REPORTED_PAUSE)
        return members is not None and members.text("idempotency_key") == pause.idempotency_key

    def mark_reported(self, pause: LocalPause) -> None:
        """Remember that the portal knows; in a file of its own, so as never to revive a pause."""
        self._write(_REPORTED_PAUSE, {"idempotency_key": pause.idempotency_key})

    def read_erasures(self) -> frozenset[Erase]:
        """Return what the device was told to drop, so far as it is remembered."""
        members = self._read(_ERASURES)
        return frozenset(members.each("erase", Erase.from_members)) if members else frozenset()

    def write_erasures(self, erasures: Iterable[Erase]) -> None:
        entries = [erase.entry() for erase in erasures]
        self._write(_ERASURES, {"erase": entries})

    def read_register(self, digest: str) -> bytes | None:
        """Return the document with this digest; None if there is none or it was altered."""
        return self._read_document(_REGISTERS, digest)

    def write_register(self, digest: str, document: bytes) -> None:
        """Keep a register document, and only this one."""
        self._write_document(_REGISTERS, digest, document)

    def read_filter(self, digest: str) -> bytes | None:
        """Return the counterparty filter with this digest, as `read_register` does."""
        return self._read_document(_FILTERS, digest)

    def write_filter(self, digest: str, document: bytes) -> None:
        """Keep a counterparty filter, and only this one."""
        self._write_document(_FILTERS, digest, document)

    def _read_document(self, below: str, digest: str) -> bytes | None:
        document = self._folder.read(_document_name(below, digest))
        return document if document and content_digest(document) == digest else None

    def _write_document(self, below: str, digest: str, document: bytes) -> None:
        name = _document_name(below, digest)
        self._folder.write(name, document)
        for other in self._folder.names(below):
            if other != name:
                self._folder.remove(other)

    def _read(self, name: str) -> Members | None:
        sealed = self._folder.read(name)
        return None if sealed is None else Members(parse_json(self._seal.open(name, sealed)))

    def _write(self, name: str, members: Mapping[str, object], *, at_once: bool = True) -> None:
        sealed = self._seal.close(name, canonical_json(members))
        self._folder.write(name, sealed, at_once=at_once)


def _document_name(below: str, digest: str) -> str:
    return f"{below}/{digest.removeprefix('sha256:')}.json"


def _enrolment_members(enrolment: Enrolment) -> dict[str, object]:
    return {
        "portal_url": enrolment.portal_url,
        "policy_url": enrolment.policy_url,
        "device_id": enrolment.device_id,
        "token": enrolment.token,
        "jwks": enrolment.jwks,
        "private_key": encode_base64url(enrolment.private.private_bytes_raw()),
    }


def _read_enrolment(members: Members) -> Enrolment:
    private = decode_base64url(members.text("private_key"))
    return Enrolment(
        portal_url=members.text("portal_url"),
        policy_url=members.text("policy_url"),
        device_id=members.text("device_id"),
        token=members.text("token"),
        jwks=members.mapping("jwks"),
        private=Ed25519PrivateKey.from_private_bytes(private),
    )


def _policy_members(policy: StoredPolicy) -> dict[str, object]:
    return {
        "device": policy.signed.device,
        "ceiling": policy.signed.ceiling,
        "freshness": policy.signed.freshness,
        "etag": policy.etag,
        "received": _instant_members(policy.received),
    }


def _instant_members(instant: Instant) -> dict[str, object]:
    return {
        "wall": format_time(instant.wall),
        "steady": instant.steady,
        "boot": instant.boot,
    }


def _read_instant(members: Members) -> Instant:
    return Instant(members.time("wall"), members.number("steady"), members.text("boot"))
