"""What this device tells the portal that it applied: signed, numbered, kept until it was taken.

Only the newest word is kept: what it says holds now, and the portal needs no other.
"""

from collections.abc import Callable
from dataclasses import replace

from consent_agent.client import PortalClient
from consent_agent.clock import Clock, Instant
from consent_agent.errors import PortalRefused
from consent_agent.gate import Gate, HeldPolicy
from consent_agent.protocol.documents import Acknowledgement
from consent_agent.protocol.jws import sign
from consent_agent.state import State, StoredAcknowledgement
from consent_agent.wording import policy_line


class Confirmations:
    """The acknowledgements of one enrolled device."""

    def __init__(
        self, *, state: State, gate: Gate, clock: Clock, announce: Callable[[str], None]
    ) -> None:
        self._state = state
        self._gate = gate
        self._clock = clock
        self._announce = announce
        self._signing_key = state.enrolment.signing_key
        self._last: StoredAcknowledgement | None = None
        self._line = ""

    @property
    def are_owed(self) -> bool:
        """Whether the portal has not taken the newest one yet."""
        return self._last is not None and self._last.unsent is not None

    def restore(self) -> None:
        """Go on with the last number.

        Raises:
            StateRefused, DocumentRefused: its file can't be trusted.
        """
        self._last = self._state.read_acknowledgement()

    def sign(self, held: HeldPolicy, *, is_news: bool) -> bool:
        """Sign what is in force now, unless the portal was told the same; say whether it is new."""
        now = self._clock.now()
        effect = self._effect(held, now)
        accepted = held.accepted
        subject = f"{accepted.device_digest} {accepted.ceiling_digest} {effect}"
        last = self._last
        if last is not None and last.subject == subject:
            if is_news:
                confirmed = "not confirmed yet" if last.unsent else "confirmed"
                self._announce(f"{policy_line(held, now)}  {confirmed}")
            return False
        acknowledgement = Acknowledgement(
            device=accepted.policy.device,
            device_version=accepted.policy.version,
            device_digest=accepted.device_digest,
            ceiling_digest=accepted.ceiling_digest,
            applied_at=now.wall,
            effect=effect,
            sequence=last.sequence + 1 if last else 1,
        )
        jws = sign(acknowledgement.to_payload(), typ="acknowledgement+jws", key=self._signing_key)
        self._keep(StoredAcknowledgement(acknowledgement.sequence, subject, jws))
        self._line = policy_line(held, now)
        return True

    async def send(self, client: PortalClient) -> None:
        """Send what is owed; a refusal that will not pass is an answer, too.

        Raises:
            AgentError: the portal did not take it; it stays owed.
        """
        sending = self._last
        if sending is None or sending.unsent is None:
            return
        line = self._line
        try:
            await client.acknowledge(sending.unsent)
            outcome = "confirmed"
        except PortalRefused as refusal:
            if refusal.is_passing:
                raise
            outcome = f"not confirmed: {refusal}"
        self._announce(f"{line}  {outcome}" if line else f"Last policy {outcome}")
        if self._last is sending:  # else a newer one is to be sent, and soon will be
            self._keep(replace(sending, unsent=None))

    def _effect(self, held: HeldPolicy, now: Instant) -> str:
        pause = self._gate.local_pause
        if pause is not None and pause.is_in_force(now):
            return "not_collecting"
        return "collecting" if held.collects_anything(now) else "not_collecting"

    def _keep(self, acknowledgement: StoredAcknowledgement) -> None:
        self._state.write_acknowledgement(acknowledgement)
        self._last = acknowledgement
