"""The running agent: poll, accept, apply, keep, confirm; again and again until told to stop.

Four tasks share one gate. Polling asks first without waiting, then holds long polls; failures
back off with full jitter. Watching looks at the person's own pause ten times a second. Reporting
sends acknowledgements, and pauses that the portal has not heard of, until it took them; counts are
left to `reporting`. Failed
answers change nothing: what is in force runs out by itself. What is acceptable is decided in
`acceptance`, what may be captured in `gate`.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from consent_agent.acceptance import Floors, SignedDocuments, accept
from consent_agent.client import NewPolicy, PortalClient, StillCurrent
from consent_agent.clock import Clock, Instant
from consent_agent.errors import (
    AgentError,
    AnswerRefused,
    DeviceRevoked,
    PortalRefused,
    StateRefused,
)
from consent_agent.gate import Gate, HeldPolicy, restore_policy
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.documents import Acknowledgement, DevicePolicy
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import sign
from consent_agent.protocol.matching import Register
from consent_agent.reporting import Reporter
from consent_agent.spool import Spool
from consent_agent.state import (
    MAX_PAUSE_MINUTES,
    LocalPause,
    State,
    StoredAcknowledgement,
    StoredPolicy,
)
from consent_agent.wording import policy_line, time_of_day

LONG_POLL_SECONDS: Final = 50
WATCH_SECONDS: Final = 0.1
QUICK_ANSWER_SECONDS: Final = 1.0
# The command that started a pause reports it; this is how long it may take before the loop does.
REPORT_PAUSE_AFTER_SECONDS: Final = 15.0


class BackOff:
    """Delays in seconds: full jitter below a bound that doubles from 1 to 60."""

    def __init__(self) -> None:
        self._bound = 1.0

    def next_delay(self, retry_after: float | None = None) -> float:
        delay = (retry_after or 0.0) + random.uniform(0, self._bound)  # noqa: S311
        self._bound = min(60.0, self._bound * 2)
        return delay

    def reset(self) -> None:
        self._bound = 1.0


class Agent:
    """One device's agent; `announce` gets one line for each thing a person may want to know."""

    def __init__(
        self,
        *,
        state: State,
        client: PortalClient,
        reporter: Reporter,
        gate: Gate,
        clock: Clock,
        announce: Callable[[str], None],
    ) -> None:
        self._state = state
        self._client = client
        self._reporter = reporter
        self._spool = Spool(state)
        self._gate = gate
        self._clock = clock
        self._announce = announce
        self._keys = state.enrolment.keys
        self._signing_key = state.enrolment.signing_key
        self._floors = Floors()
        self._etag: str | None = None
        self._acknowledgement: StoredAcknowledgement | None = None
        self._unconfirmed_line = ""
        self._pause_stamp: object = None
        self._unreported: LocalPause | None = None
        self._reportable = asyncio.Event()
        self._portal_answered = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set.

        Raises:
            DeviceRevoked: the portal revoked the device; the state folder is empty now.
        """
        self._restore()
        self._watch_pause()  # before the first answer could open the gate
        try:
            await self._work(stop)
        except DeviceRevoked:
            self._state.forget()  # when nobody writes there any more
            raise

    async def _work(self, stop: asyncio.Event) -> None:
        tasks = {
            asyncio.create_task(work)
            for work in (
                self._poll_forever(),
                self._watch_pause_forever(),
                self._report_forever(),
                self._reporter.report_forever(),
                stop.wait(),
            )
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._gate.close("agent_stopped")  # nobody watches for a pause any more
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _restore(self) -> None:
        """Go on where the last run ended, as far as its files can still be trusted."""
        try:
            self._floors = self._state.read_floors()
            self._acknowledgement = self._state.read_acknowledgement()
            held, self._etag = restore_policy(self._state)
        except (AgentError, DocumentRefused) as failure:
            self._gate.close(failure.code)
            self._announce(f"No stored policy is in force: {failure}")
        else:
            self._floors = held.accepted.raise_floors(self._floors)
            self._gate.swap(held)
            self._announce(f"{policy_line(held, self._clock.now())}  stored")
        if self._acknowledgement and self._acknowledgement.unsent:
            self._reportable.set()

    async def _poll_forever(self) -> None:
        back_off = BackOff()
        quick_answers = 0
        may_wait = False  # at first, and after a failure, know at once how things stand
        while True:
            started = self._clock.now().steady
            try:
                brought_news = await self._poll(may_wait=may_wait)
            except DeviceRevoked:
                raise
            except (AgentError, DocumentRefused) as failure:
                self._announce(f"{failure} [{failure.code}]")
                await asyncio.sleep(back_off.next_delay(getattr(failure, "retry_after", None)))
                may_wait = False
                continue
            may_wait = True
            is_quick = self._clock.now().steady - started < QUICK_ANSWER_SECONDS
            quick_answers = quick_answers + 1 if is_quick and not brought_news else 0
            if quick_answers > 1:  # a portal that does not hold long polls must not be hammered
                await asyncio.sleep(back_off.next_delay())
            else:
                back_off.reset()

    async def _poll(self, *, may_wait: bool) -> bool:
        """Ask once and apply the answer; say whether anything is different now."""
        held = self._gate.held
        etag = self._etag if held else None
        wait = self._wait_seconds(held) if may_wait and etag else 0
        answer = await self._client.poll(etag=etag, wait_seconds=wait)
        received = self._clock.now()
        try:
            return await self._apply(answer, held, received)
        except DocumentRefused:
            self._etag = None  # whatever the portal thinks we have, ask for all of it again
            raise

    def _wait_seconds(self, held: HeldPolicy | None) -> int:
        """Hold a poll only while fresh, and not for longer than half of what is left."""
        if held is None:
            return 0
        remaining = held.remaining(self._clock.now()).total_seconds()
        return min(LONG_POLL_SECONDS, int(remaining / 2))

    async def _apply(
        self, answer: NewPolicy | StillCurrent, before: HeldPolicy | None, received: Instant
    ) -> bool:
        signed, etag = self._documents(answer, before)
        accepted = accept(
            signed,
            keys=self._keys,
            device=self._state.enrolment.device_id,
            floors=self._floors,
            now=received.wall,
        )
        register = await self._register(accepted.ceiling.register, before)
        counterparties = await self._filter(accepted.ceiling.counterparties, before)
        held = HeldPolicy(accepted, register, received, counterparties=counterparties)
        self._gate.swap(held)
        self._portal_answered.set()
        self._floors = accepted.raise_floors(self._floors)
        self._etag = etag
        self._state.write_policy(StoredPolicy(signed, etag, received), self._floors)
        self._drop_erased(accepted.policy)  # or fail here, and confirm nothing
        is_news = before is None or _rules_of(held) != _rules_of(before)
        self._acknowledge(held, is_news=is_news)
        return is_news

    def _documents(
        self, answer: NewPolicy | StillCurrent, before: HeldPolicy | None
    ) -> tuple[SignedDocuments, str]:
        if isinstance(answer, NewPolicy):
            return answer.signed, answer.etag
        if before is None or self._etag is None:
            raise AnswerRefused("not_modified_unasked")
        return replace(before.accepted.signed, freshness=answer.freshness), self._etag

    async def _register(self, digest: str, before: HeldPolicy | None) -> Register:
        if before is not None and before.accepted.ceiling.register == digest:
            return before.register
        # The policy in force has a successor: while that cannot be applied, neither holds.
        self._gate.close("register_missing")
        document = self._state.read_register(digest)
        if document is None:
            document = await self._client.fetch_register(digest)
            self._state.write_register(digest, document)
        return Register.from_document(document)

    async def _filter(
        self, digest: str | None, before: HeldPolicy | None
    ) -> CounterpartyFilter | None:
        if digest is None:
            return None
        if before is not None and before.accepted.ceiling.counterparties == digest:
            return before.counterparties
        self._gate.close("filter_missing")
        document = self._state.read_filter(digest)
        if document is None:
            document = await self._client.fetch_filter(digest)
            self._state.write_filter(digest, document)
        return CounterpartyFilter.from_document(document)

    def _drop_erased(self, policy: DevicePolicy) -> None:
        dropped = self._spool.erase(policy.erase)
        if dropped:
            self._announce(f"Dropped before upload, because it was erased: {dropped} batches.")

    def _acknowledge(self, held: HeldPolicy, *, is_news: bool) -> None:
        """Sign what is in force now, unless the portal was told the same already."""
        now = self._clock.now()
        effect = self._effect(held, now)
        accepted = held.accepted
        subject = f"{accepted.device_digest} {accepted.ceiling_digest} {effect}"
        last = self._acknowledgement
        if last is not None and last.subject == subject:
            if is_news:
                confirmed = "not confirmed yet" if last.unsent else "confirmed"
                self._announce(f"{policy_line(held, now)}  {confirmed}")
            return
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
        self._keep_acknowledgement(
            StoredAcknowledgement(acknowledgement.sequence, subject, jws),
        )
        self._unconfirmed_line = policy_line(held, now)
        self._reportable.set()

    def _effect(self, held: HeldPolicy, now: Instant) -> str:
        pause = self._gate.local_pause
        if pause is not None and pause.is_in_force(now):
            return "not_collecting"
        return "collecting" if held.collects_anything(now) else "not_collecting"

    def _keep_acknowledgement(self, acknowledgement: StoredAcknowledgement) -> None:
        self._state.write_acknowledgement(acknowledgement)
        self._acknowledgement = acknowledgement

    async def _watch_pause_forever(self) -> None:
        while True:
            self._watch_pause()
            await asyncio.sleep(WATCH_SECONDS)

    def _watch_pause(self) -> None:
        stamp = self._state.pause_stamp()
        if stamp != self._pause_stamp:
            self._pause_stamp = stamp
            self._apply_pause()
        if self._is_pause_overdue():
            self._reportable.set()

    def _apply_pause(self) -> None:
        try:
            pause = self._state.read_pause()
            is_reported = pause is not None and self._state.is_reported(pause)
        except (StateRefused, DocumentRefused) as failure:
            self._announce(f"The pause cannot be read, so it holds: {failure}")
            pause, is_reported = (
                LocalPause(MAX_PAUSE_MINUTES, self._clock.now(), "unreadable"),
                True,
            )
        self._gate.set_local_pause(pause)
        self._unreported = None if is_reported else pause
        if pause is None:
            self._announce("No pause on this device.")
        elif pause.is_in_force(self._clock.now()):
            self._announce(f"Paused on this device until {time_of_day(pause.ends_at)}.")

    def _is_pause_overdue(self) -> bool:
        """Say whether a pause waits to be reported that its command had time to report."""
        pause, now = self._unreported, self._clock.now()
        if pause is None or not pause.is_in_force(now):
            return False
        age = pause.minutes * 60 - pause.remaining(now).total_seconds()
        return age >= REPORT_PAUSE_AFTER_SECONDS

    async def _report_forever(self) -> None:
        back_off = BackOff()
        while True:
            await self._reportable.wait()
            self._reportable.clear()
            try:
                await self._send_acknowledgement()
                if self._is_pause_overdue():
                    await self._report_pause()
            except DeviceRevoked:
                raise
            except (AgentError, DocumentRefused) as failure:
                self._announce(f"Not reported yet: {failure} [{failure.code}]")
                await self._until_portal_answers(
                    back_off.next_delay(getattr(failure, "retry_after", None))
                )
                self._reportable.set()
            else:
                back_off.reset()

    async def _until_portal_answers(self, most_seconds: float) -> None:
        """Wait for a poll to succeed, which is the moment to report again; or for the time."""
        self._portal_answered.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_seconds):
                await self._portal_answered.wait()

    async def _send_acknowledgement(self) -> None:
        sending = self._acknowledgement
        if sending is None or sending.unsent is None:
            return
        line = self._unconfirmed_line
        try:
            await self._client.acknowledge(sending.unsent)
            outcome = "confirmed"
        except PortalRefused as refusal:
            if refusal.is_passing:
                raise
            outcome = f"not confirmed: {refusal}"
        self._announce(f"{line}  {outcome}" if line else f"Last policy {outcome}")
        if self._acknowledgement is sending:  # else a newer one is to be sent, and soon will be
            self._keep_acknowledgement(replace(sending, unsent=None))

    async def _report_pause(self) -> None:
        pause = self._unreported
        if pause is None:
            return
        minutes = pause.remaining_minutes(self._clock.now())
        try:
            await self._client.start_pause(minutes=minutes, idempotency_key=pause.idempotency_key)
        except PortalRefused as refusal:
            if refusal.is_passing:
                raise
            self._announce(f"The portal did not take the pause: {refusal}")
        else:
            self._announce("The portal knows of the pause now.")
            if self._state.read_pause() != pause:  # resumed meanwhile
                await self._client.end_pause()
        self._state.mark_reported(pause)
        self._unreported = None


def _rules_of(held: HeldPolicy) -> tuple[object, ...]:
    accepted, freshness = held.accepted, held.accepted.freshness
    return accepted.device_digest, accepted.ceiling_digest, freshness.programme, freshness.deny
