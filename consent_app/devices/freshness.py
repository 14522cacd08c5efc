"""Signs that a device's two documents hold now: the part of an answer that is never the same twice.

What all devices of a cohort are told is written once for a window of WINDOW_SECONDS; a device adds
four members of its own, and the signature. A device that asks again within the window is given the
same signature: that saves work where answers crowd, and nothing where a device asks twice a minute,
so only those that ask so often have theirs kept. Half of an answer's time is its signature, so here
libsodium makes it; Ed25519 is deterministic, and OpenSSL would write the same bytes.

`issued_at` is the beginning of the window, or when the policy was decided or a stop began, if that
was since. So all server processes write the same time and no device sees it go back between two of
them; what was signed before a stop can't be taken for something newer; and a device whose own clock
is slow still learns that a pause has begun. Source: design, section 5 (contract).
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from nacl.signing import SigningKey

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.jws import encoded_header
from consent_agent.protocol.times import format_time
from consent_app.audit.queries import TreeHead
from consent_app.devices.told import Cohort, Told
from portal.lib.keys import signing_key

WINDOW_SECONDS = 5
TYP = "freshness+jws"


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What a cohort's devices are told alike until `ends_at` (a UNIX time)."""

    cohort: Cohort
    issued_at: datetime
    ends_at: float
    is_stopped: bool
    key: SigningKey
    header: str
    before: str
    after: dict[bool, str]

    def sign(self, told: Told) -> str:
        """Return the compact JWS for this device."""
        known = told.known
        payload = (
            f'{self.before}"device":"{known.device}","device_digest":"{known.digest}",'
            f'"device_version":{known.version},{self._after(told)}'
        )
        signed = f"{self.header}.{_base64url(payload.encode())}".encode()
        return f"{signed.decode()}.{_base64url(self.key.sign(signed).signature)}"

    def _after(self, told: Told) -> str:
        if told.known.requested_at <= self.issued_at:
            return self.after[told.is_behind]
        stopped = self.is_stopped or told.is_behind
        return _members_after(issued_at=told.known.requested_at, stopped=stopped)


def _members_after(*, issued_at: datetime, stopped: bool) -> str:
    """Return the members that stand behind a device's own in canonical order."""
    members = {
        "expires_at": format_time(issued_at + timedelta(minutes=settings.FRESHNESS_MINUTES)),
        "issued_at": format_time(issued_at),
        "programme": "stopped" if stopped else "running",
        "schema": "freshness/1",
    }
    return canonical_json(members).decode()[1:]


def window_of(now: float) -> float:
    return now - now % WINDOW_SECONDS


def write_form(cohort: Cohort, checkpoint: TreeHead, *, now: float) -> Form:
    """Write what holds for the cohort at `now` (a UNIX time).

    Raises:
        KeysMissing: the policy key can't be read.
    """
    assert cohort.ceiling is not None  # noqa: S101 (the caller answered that case)
    at = datetime.fromtimestamp(now, UTC)
    window = datetime.fromtimestamp(window_of(now), UTC)
    moments = sorted(cohort.for_many.moments())
    issued_at = max([window, *(moment for moment in moments if moment <= at)])
    later = [moment.timestamp() for moment in moments if moment > at]
    key = signing_key("policy")
    before = {
        "ceiling_digest": cohort.ceiling.digest,
        "ceiling_version": cohort.ceiling.version,
        "checkpoint": {"root": checkpoint.root.hex(), "size": checkpoint.size},
        "deny": cohort.for_many.denied(at),
    }
    stopped = cohort.for_many.is_stopped(at)
    return Form(
        cohort=cohort,
        issued_at=issued_at,
        is_stopped=stopped,
        ends_at=min([window_of(now) + WINDOW_SECONDS, *later]),
        key=SigningKey(key.private.private_bytes_raw()),
        header=encoded_header(key.kid, TYP),
        before=canonical_json(before).decode()[:-1] + ",",
        after={
            is_behind: _members_after(issued_at=issued_at, stopped=stopped or is_behind)
            for is_behind in (False, True)
        },
    )


class Signer:
    """Gives each answer its freshness; one per process."""

    def __init__(self) -> None:
        self._forms: dict[str, Form] = {}

    def form(self, told: Told, now: float) -> Form | None:
        """Return what holds for this device's cohort at `now`, if it has been written."""
        form = self._forms.get(told.known.jurisdiction)
        if form is None or form.cohort is not told.cohort or form.ends_at <= now:
            return None
        return form

    def write(self, told: Told, checkpoint: TreeHead, *, now: float) -> Form:
        """Write the form for this device's cohort as of `now` (a UNIX time).

        Raises:
            KeysMissing: the policy key can't be read.
        """
        form = write_form(told.cohort, checkpoint, now=now)
        self._forms[told.known.jurisdiction] = form
        return form

    def freshness(self, told: Told, form: Form, *, asks_often: bool) -> str:
        """Sign, or return what was signed for this device in this window."""
        kept = told.known.freshness
        if kept is not None and kept[0] is form:
            return kept[1]
        jws = form.sign(told)
        told.known.freshness = (form, jws) if asks_often else None
        return jws


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
