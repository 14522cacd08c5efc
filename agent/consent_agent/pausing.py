"""The person's own pause, as the running agent sees it: applied at once, reported later.

The pause is a file that `consent-agent pause` or a tray writes; this looks at it each second. (A
gate on the state folder looks itself, ten times a second while it is asked.) A file that cannot be
read holds as a pause of the longest kind. Whoever starts a pause reports it; what they could not
report is reported here.
"""

from collections.abc import Callable
from typing import Final

from consent_agent.client import PortalClient
from consent_agent.clock import Clock
from consent_agent.errors import PortalRefused, StateRefused
from consent_agent.gate import Gate
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.state import MAX_PAUSE_MINUTES, LocalPause, State, pause_stamp
from consent_agent.wording import time_of_day

# The command that started a pause reports it; this is how long it may take before the agent does.
REPORT_AFTER_SECONDS: Final = 15.0


class OwnPause:
    """Keeps a gate, and in the end the portal, in step with the pause's file."""

    def __init__(
        self, *, state: State, gate: Gate, clock: Clock, announce: Callable[[str], None]
    ) -> None:
        self._state = state
        self._gate = gate
        self._clock = clock
        self._announce = announce
        self._stamp: object = None
        self._unreported: LocalPause | None = None
        self._is_in_force = False

    def look(self) -> None:
        """Read the file if it is another than the last time."""
        stamp = pause_stamp(self._state.path)
        if stamp != self._stamp:
            self._stamp = stamp
            self._apply()

    def is_overdue(self) -> bool:
        """Say whether a pause waits to be reported that its command had time to report."""
        pause, now = self._unreported, self._clock.now()
        if pause is None or not pause.is_in_force(now):
            return False
        age = pause.minutes * 60 - pause.remaining(now).total_seconds()
        return age >= REPORT_AFTER_SECONDS

    def has_ended(self) -> bool:
        """Say once that the pause that this agent knew of is not in force any more."""
        pause = self._gate.local_pause
        was = self._is_in_force
        self._is_in_force = pause is not None and pause.is_in_force(self._clock.now())
        return was and not self._is_in_force

    async def report(self, client: PortalClient) -> None:
        """Tell the portal of a pause that it does not know.

        Raises:
            PortalRefused, PortalUnreachable, AnswerRefused: it may be taken later.
        """
        pause = self._unreported
        if pause is None:
            return
        minutes = pause.remaining_minutes(self._clock.now())
        try:
            await client.start_pause(minutes=minutes, idempotency_key=pause.idempotency_key)
        except PortalRefused as refusal:
            if refusal.is_passing:
                raise
            self._announce(f"The portal did not take the pause: {refusal}")
        else:
            self._announce("The portal knows of the pause now.")
            if self._state.read_pause() != pause:  # resumed meanwhile
                await client.end_pause()
        self._state.mark_reported(pause)
        self._unreported = None

    def _apply(self) -> None:
        try:
            pause = self._state.read_pause()
            is_reported = pause is not None and self._state.is_reported(pause)
        except (StateRefused, DocumentRefused) as failure:
            self._announce(f"The pause cannot be read, so it holds: {failure}")
            pause = LocalPause(MAX_PAUSE_MINUTES, self._clock.now(), "unreadable")
            is_reported = True
        self._gate.set_local_pause(pause)
        self._unreported = None if is_reported else pause
        if pause is None:
            self._announce("No pause on this device.")
        elif pause.is_in_force(self._clock.now()):
            self._announce(f"Paused on this device until {time_of_day(pause.ends_at)}.")
