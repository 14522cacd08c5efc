"""The gate that capturing software asks before every event: may this be captured now?

Answers from memory and fails private. Before the shared decision come, in this order: no policy,
not fresh, programme stopped, the device's own pause, a place where its owner never said they work;
after it, whom the event is shared with and what the device is in. Two clocks must agree that a
policy is fresh and that no restriction is in force: the wall clock, and the portal's own time at
issue carried on by the steady clock. Fetching and accepting documents is left to `loop`; a gate in
another process reads them from the state folder, and checks everything again whenever a file there
has changed. It looks by itself for the person's own pause, and for where they said they work, ten
times a second while it is asked.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from consent_agent.acceptance import AcceptedPolicy, Floors, accept
from consent_agent.clock import Clock, Instant, SystemClock
from consent_agent.errors import AgentError, StateRefused
from consent_agent.protocol.circumstances import (
    UNKNOWN_SURROUNDINGS,
    Circumstances,
    Surroundings,
)
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.decision import PolicyView, Reason, Subject, Verdict
from consent_agent.protocol.documents import Ceiling
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.matching import Register
from consent_agent.state import LocalPause, State, StoredPolicy, pause_stamp, place_stamp
from consent_agent.storage import Look

# The portal's time is known late by the network's delay; that much is not a clock that was set.
NETWORK_DELAY_SECONDS: Final = 1.0
RUNNING: Final = "running"
LOOK_SECONDS: Final = 0.1


class HeldPolicy:
    """An accepted policy, the documents that its ceiling names, and the clocks at its receipt.

    `place` is the cohort in which the device's owner works, as the device itself knows.
    """

    def __init__(
        self,
        accepted: AcceptedPolicy,
        register: Register,
        received: Instant,
        *,
        place: str,
        counterparties: CounterpartyFilter | None = None,
    ) -> None:
        """Prepare to decide.

        Raises:
            ValueError: the ceiling names a counterparty filter and there is none.
        """
        if accepted.ceiling.counterparties is not None and counterparties is None:
            raise ValueError("the ceiling names a counterparty filter")
        freshness = accepted.freshness
        self.accepted = accepted
        self.register = register
        self.received = received
        self.counterparties = counterparties
        self.place = place
        self._unconfirmed = _refuse_unconfirmed(accepted.ceiling, place)
        self.window_seconds = (freshness.expires_at - freshness.issued_at).total_seconds()
        self.fresh_until_steady = received.steady + self.window_seconds
        # Asked about with every event: as close at hand as can be.
        self._expires_at = freshness.expires_at
        self._issued_at = freshness.issued_at
        self._received_at_steady = received.steady
        self._is_running = freshness.programme == RUNNING
        self.view = PolicyView(
            register=register,
            ceiling=accepted.ceiling,
            policy=accepted.policy,
            freshness_deny=freshness.deny,
        )
        self.circumstances = Circumstances(
            register=register,
            conditions=accepted.policy.conditions,
            counterparties=counterparties,
        )

    @property
    def is_running(self) -> bool:
        return self._is_running

    @property
    def place_is_unconfirmed(self) -> bool:
        """Whether nothing is collected until the owner says that they work where this policy says.

        The policy key alone can't take a device to the ceiling of another place.
        """
        return self._unconfirmed is not None

    def at_place(self, place: str) -> "HeldPolicy":
        """Return the same policy for somebody who works there."""
        return HeldPolicy(
            self.accepted,
            self.register,
            self.received,
            place=place,
            counterparties=self.counterparties,
        )

    def portal_time(self, now: Instant) -> datetime:
        """Return the portal's time at issue, carried on by the steady clock since receipt."""
        elapsed = now.steady - self.received.steady
        return self.accepted.freshness.issued_at + timedelta(seconds=elapsed)

    def remaining(self, now: Instant) -> timedelta:
        """Return for how long this stays fresh; zero when a clock went back or was started anew."""
        if not self.is_fresh(now):
            return timedelta(0)
        return self.accepted.freshness.expires_at - max(now.wall, self.portal_time(now))

    def is_fresh(self, now: Instant) -> bool:
        received = self.received
        return (
            now.boot == received.boot
            and received.steady <= now.steady < self.fresh_until_steady
            and received.wall <= now.wall < self._expires_at
        )

    def decide(self, subject: Subject, *, kind: str, at: datetime, now: Instant) -> Verdict:
        """Decide for the time `at` of the wall clock, and for what the portal would call it."""
        if self._unconfirmed is not None:
            return self._unconfirmed
        verdict = self.view.decide(subject, kind=kind, at=at)
        if not verdict.allowed:
            return verdict
        ahead = now.steady - self._received_at_steady - (now.wall - self._issued_at).total_seconds()
        if -NETWORK_DELAY_SECONDS <= ahead <= 0:
            return verdict
        return self.view.decide(subject, kind=kind, at=at + timedelta(seconds=ahead))

    def application_of(self, subject: Subject, kind: str) -> str | None:
        """Return whose events are counted: the slug of what may be captured at another time."""
        return None if self._unconfirmed else self.view.application_of(subject, kind)

    def collects_anything(self, now: Instant) -> bool:
        """Say whether there is one application and kind that may be collected at this time.

        In the best of circumstances: shared with nobody protected, and no condition met.
        """
        if not self.is_running or not self.is_fresh(now):
            return False
        return any(
            self.decide(Subject(application=row.slug), kind=kind, at=now.wall, now=now).allowed
            for row in self.register.applications
            for kind in row.kinds
        )


class Gate:
    """Answers for one device; any thread may ask and reload, one swaps."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._held: HeldPolicy | None = None
        self._pause: LocalPause | None = None
        self._closed_because = "none_received"
        self._path: Path | None = None
        self._rules = Look()
        self._documents = Look()
        self._owner_stamps: object = None
        self._look_at_steady = math.inf
        self._reloading = threading.Lock()

    @classmethod
    def from_state(cls, path: Path, clock: Clock | None = None) -> "Gate":
        """Open a gate on the state folder of the running agent; it is closed if that is damaged."""
        gate = cls(clock)
        gate._path = path
        gate._look_at_steady = 0.0
        gate.reload()
        return gate

    @property
    def held(self) -> HeldPolicy | None:
        return self._held

    @property
    def closed_because(self) -> str:
        """Say why there is no policy; a code, of no meaning while one is held."""
        return self._closed_because

    @property
    def local_pause(self) -> LocalPause | None:
        return self._pause

    def reload(self) -> None:
        """Read again what changed in the state folder; what cannot be verified closes the gate.

        Cheap while nothing did: a few looks at the times of files.
        """
        if self._path is None:
            raise ValueError("this gate was not opened on a state folder")
        # One thread after the other: else one that read earlier could put that in force later.
        with self._reloading:
            self._reload(self._path)

    def _reload(self, path: Path) -> None:
        self._owner_stamps = _stamps_of_owner(path)
        rules, documents = State.look(path), self._look_at_documents(path)
        documents_hold = self._documents.still_holds(documents)
        if documents_hold and self._rules.still_holds(rules):
            return
        self._rules = rules
        try:
            state = State.load(path)
            self._pause = state.read_pause()
            held, _ = restore_policy(
                state,
                floors=state.read_floors(),
                known=self._held if documents_hold else None,
            )
            self.swap(held)
        except (AgentError, DocumentRefused) as failure:
            self.close(failure.code)
        if not documents_hold:
            self._documents = self._look_at_documents(path)

    def _look_at_owner(self, now: Instant) -> None:
        """Notice what the person said, however seldom the gate is told to reload."""
        self._look_at_steady = now.steady + LOOK_SECONDS
        if self._path is not None and _stamps_of_owner(self._path) != self._owner_stamps:
            self.reload()

    def _look_at_documents(self, path: Path) -> Look:
        held = self._held
        return State.look_at_documents(path, held.accepted.ceiling) if held else Look()

    def swap(self, held: HeldPolicy) -> None:
        """Put another policy in force, for every question asked from now on."""
        self._held = held

    def close(self, code: str) -> None:
        """Hold no policy any more; `code` becomes the rule that verdicts name."""
        self._closed_because = code
        self._held = None

    def set_local_pause(self, pause: LocalPause | None) -> None:
        self._pause = pause

    def may_capture(
        self,
        *,
        application: str | None = None,
        url: str | None = None,
        window_title: str | None = None,
        field: str | None = None,
        kind: str,
        at: datetime | None = None,
        counterparties: Sequence[str] | None = None,
        surroundings: Surroundings = UNKNOWN_SURROUNDINGS,
    ) -> Verdict:
        """Say whether `kind` may be captured; members as in `Subject`.

        `counterparties` are the mail addresses of those with whom the content is shared; empty is
        nobody else, None is not known. `at` is when the event happened, aware, by the wall clock;
        now if absent. An event from before the policy in force was received is not fresh: another
        policy may have held then.

        Raises:
            ValueError: `at` has no zone.
        """
        now = self._clock.now()
        if now.steady >= self._look_at_steady:
            self._look_at_owner(now)
        held = self._held
        subject = Subject(application, url, window_title, field)
        if held is None:
            return Verdict.refusal(Reason.NO_POLICY, self._closed_because)
        if refusal := self._refuse_all(held, now, at):
            # Named for those who count what was held back.
            return replace(refusal, application=held.application_of(subject, kind))
        verdict = held.decide(subject, kind=kind, at=now.wall if at is None else at, now=now)
        if not verdict.allowed:
            return verdict
        return held.circumstances.refusal(subject, verdict, counterparties, surroundings) or verdict

    def _refuse_all(self, held: HeldPolicy, now: Instant, at: datetime | None) -> Verdict | None:
        if not held.is_fresh(now):
            return Verdict.refusal(Reason.NOT_FRESH, "freshness")
        if at is not None and not held.received.wall <= at < now.wall + held.remaining(now):
            return Verdict.refusal(Reason.NOT_FRESH, "at")
        if not held.is_running:
            return Verdict.refusal(Reason.PROGRAMME_STOPPED, "programme")
        pause = self._pause
        if pause is not None and pause.is_in_force(now):
            return Verdict.refusal(Reason.LOCAL_PAUSE, pause.idempotency_key, None, pause.ends_at)
        return None


def restore_policy(
    state: State, *, floors: Floors, known: HeldPolicy | None = None
) -> tuple[HeldPolicy, str]:
    """Return the stored policy and its ETag, with every check of its acceptance made again.

    The register and the filter are taken from `known` where that holds the same ones.

    Raises:
        StateRefused: there is none, or a file was altered.
        DocumentRefused: it would not be accepted.
    """
    accepted, stored = restore_accepted(state, floors=floors)
    held = hold_stored(state, accepted, stored.received, floors=floors, known=known)
    return held, stored.etag


def hold_stored(
    state: State,
    accepted: AcceptedPolicy,
    received: Instant,
    *,
    floors: Floors,
    known: HeldPolicy | None = None,
) -> HeldPolicy:
    """Return what `restore_accepted` found with what its ceiling names, as `restore_policy`."""
    return HeldPolicy(
        accepted,
        _restore_register(state, accepted.ceiling, known),
        received,
        place=state.read_place(floors).cohort,
        counterparties=_restore_filter(state, accepted.ceiling, known),
    )


def restore_accepted(state: State, *, floors: Floors) -> tuple[AcceptedPolicy, StoredPolicy]:
    """Return the stored documents, accepted again, without what their ceiling names.

    Raises:
        StateRefused, DocumentRefused: as `restore_policy`.
    """
    stored = state.read_policy()
    if stored is None:
        raise StateRefused("policy.json", "is not there")
    keys, _ = state.read_keys()
    if keys.version < floors.keys_version:
        raise StateRefused("keys.json", "is not there or older than it was")
    accepted = accept(
        stored.signed,
        keys=keys,
        device=state.enrolment.device_id,
        floors=floors,
        now=stored.received.wall,
    )
    return accepted, stored


def _stamps_of_owner(path: Path) -> tuple[object, object]:
    return pause_stamp(path), place_stamp(path)


def _refuse_unconfirmed(ceiling: Ceiling, place: str) -> Verdict | None:
    """Refuse everything under the ceiling of another place; where none is open, there is no need.

    Such a verdict names no application: what happens meanwhile is not counted.
    """
    if ceiling.is_open and ceiling.cohort != place:
        return Verdict.refusal(Reason.COHORT_UNCONFIRMED, ceiling.cohort)
    return None


def _restore_register(state: State, ceiling: Ceiling, known: HeldPolicy | None) -> Register:
    if known is not None and known.accepted.ceiling.register == ceiling.register:
        return known.register
    document = state.read_register(ceiling.register)
    if document is None:
        raise StateRefused("The register", "is not there or was altered")
    return Register.from_document(document)


def _restore_filter(
    state: State, ceiling: Ceiling, known: HeldPolicy | None
) -> CounterpartyFilter | None:
    if ceiling.counterparties is None:
        return None
    if known is not None and known.accepted.ceiling.counterparties == ceiling.counterparties:
        return known.counterparties
    document = state.read_filter(ceiling.counterparties)
    if document is None:
        raise StateRefused("The counterparty filter", "is not there or was altered")
    return CounterpartyFilter.from_document(document)
