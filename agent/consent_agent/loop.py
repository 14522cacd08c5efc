"""The running agent: poll, accept, apply, keep, confirm; again and again until told to stop.

Four tasks share one gate. Polling asks first without waiting, then at the `pacing` of this agent.
Watching looks each second at the person's own pause (`pausing`) and at where they said they work
(`place`), and notices that the computer slept. Reporting sends acknowledgements, and pauses that
the portal has not heard of, until it took them; what they say is left to `confirming`, counts to
`reporting`, keys to `trust`. Failed answers change nothing: what is in force runs out by itself.
What is acceptable is decided in `acceptance`, what may be captured in `gate`.

News is on disk before it is confirmed. An answer that only renews what holds is written down each
few minutes: a device that starts again from an older one stops earlier, and no later.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Final

from consent_agent.acceptance import (
    AcceptedPolicy,
    Floors,
    SignedDocuments,
    accept,
    verify_documents,
)
from consent_agent.client import NewPolicy, PortalClient, StillCurrent
from consent_agent.clock import Clock, Instant
from consent_agent.confirming import Confirmations
from consent_agent.errors import (
    AgentError,
    AnswerRefused,
    DeviceRevoked,
    NotEnrolled,
    Slept,
    StateRefused,
)
from consent_agent.floors import raise_ceilings
from consent_agent.gate import Gate, HeldPolicy, hold_stored, restore_accepted
from consent_agent.pacing import SLEPT_SECONDS, BackOff, Pace
from consent_agent.pausing import OwnPause
from consent_agent.place import OwnPlace
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.documents import DevicePolicy
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.matching import Register
from consent_agent.reporting import Reporter
from consent_agent.spool import Spool
from consent_agent.state import State, StoredPolicy
from consent_agent.trust import CURABLE, Trust
from consent_agent.wording import policy_line

WATCH_SECONDS: Final = 1.0
QUICK_ANSWER_SECONDS: Final = 1.0
# Of its window, how much freshness may be behind on disk.
BEHIND_ON_DISK: Final = 1 / 3
LONG_POLLS: Final = Pace()


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
        pace: Pace = LONG_POLLS,
    ) -> None:
        self._state = state
        self._client = client
        self._reporter = reporter
        self._spool = Spool(state)
        self._gate = gate
        self._clock = clock
        self._announce = announce
        self._trust = Trust(state, client, clock)
        self._floors = Floors()
        self._etag: str | None = None
        self._confirmations = Confirmations(state=state, gate=gate, clock=clock, announce=announce)
        self._pause = OwnPause(state=state, gate=gate, clock=clock, announce=announce)
        self._place = OwnPlace(state=state, announce=announce)
        self._pace = pace
        # When, by the steady clock, the freshness that the state folder knows of is over.
        self._kept_until: float | None = None
        self._woken = asyncio.Event()
        self._reportable = asyncio.Event()
        self._portal_answered = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set.

        Raises:
            DeviceRevoked: the portal revoked the device; the state folder is empty now.
            NotEnrolled: somebody removed the enrolment from it; it is empty now, too.
        """
        self.restore()
        self._pause.look()  # before the first answer could open the gate
        try:
            await self._work(stop)
        except (DeviceRevoked, NotEnrolled):
            self._state.forget()  # when nobody writes there any more
            raise

    async def poll_once(self) -> None:
        """Ask once, without waiting; apply the answer, and confirm it if the portal lets us.

        For whoever keeps the time: `restore` comes first, and nothing runs in between.

        Raises:
            DeviceRevoked: the portal revoked the device; the state folder is empty now.
            AgentError, DocumentRefused: nothing new is in force.
        """
        self._pause.look()
        self._look_at_place()
        try:
            await self._poll(wait=0)
            await self._confirm_or_say_why()
        except DeviceRevoked:
            self._gate.close("device_revoked")
            self._state.forget()
            raise

    async def _confirm_or_say_why(self) -> None:
        try:
            await self._confirmations.send(self._client)
        except DeviceRevoked:
            raise
        except AgentError as failure:
            self._announce(f"Not reported yet: {failure} [{failure.code}]")

    async def _work(self, stop: asyncio.Event) -> None:
        tasks = {
            asyncio.create_task(work)
            for work in (
                self._poll_forever(),
                self._watch_forever(),
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

    def restore(self) -> None:
        """Go on where the last run ended, as far as its files can still be trusted."""
        # Before what may fail: numbers that begin again look to the portal like two programs.
        try:
            self._confirmations.restore()
        except (AgentError, DocumentRefused) as failure:
            self._announce(f"What was confirmed last is not known: {failure}")
        try:
            accepted, stored = self._restore_accepted()
            held = hold_stored(self._state, accepted, stored.received, floors=self._floors)
        except (AgentError, DocumentRefused) as failure:
            self._gate.close(failure.code)
            self._announce(f"No stored policy is in force: {failure}")
        else:
            self._etag = stored.etag
            is_this_boot = held.received.boot == self._clock.now().boot
            self._kept_until = held.fresh_until_steady if is_this_boot else None
            self._gate.swap(held)
            self._announce(f"{policy_line(held, self._clock.now())}  stored")
        if self._confirmations.are_owed:
            self._reportable.set()

    def _restore_accepted(self) -> tuple[AcceptedPolicy, StoredPolicy]:
        """Know again which versions were seen, and where the owner works; and have it on disk.

        Raises:
            StateRefused, DocumentRefused: the stored policy is not to be gone by. What it says of
                versions counts all the same.
        """
        lost: AgentError | DocumentRefused | None = None
        known: Floors | None = None
        try:
            known = self._state.read_floors()
        except (StateRefused, DocumentRefused) as failure:
            lost = failure
        if self._state.is_untouched():
            known, lost = Floors(has_place=False), None
        self._floors = Floors() if known is None else replace(known, has_place=True)
        self._place.restore(known)
        self._floors = raise_ceilings(self._floors, self._place.ceilings)
        try:
            self._trust.restore(at_least=self._floors.keys_version)
            accepted, stored = restore_accepted(self._state, floors=self._floors)
            self._floors = accepted.raise_floors(self._floors)
        finally:
            keys_version = max(self._floors.keys_version, self._trust.keys.version)
            self._floors = replace(self._floors, keys_version=keys_version)
            self._place.note(self._floors)
            self._place.keep()
            if known is None or not _holds_all(known, self._floors):
                self._state.write_floors(self._floors)
        if lost is not None:  # then it may be an older policy
            self._state.remove_policy()
            raise lost
        return accepted, stored

    async def _poll_forever(self) -> None:
        back_off = BackOff()
        wait = 0  # at first, and after a failure, know at once how things stand
        if self._fresh_seconds() == 0:  # nothing is collected until the answer
            await self._nap(self._pace.first_delay())
        while True:
            self._woken.clear()
            started = self._clock.now().steady
            try:
                brought_news = await self._poll(wait=wait)
            except DeviceRevoked:
                raise
            except (AgentError, DocumentRefused) as failure:
                self._announce(f"{failure} [{failure.code}]")
                await self._nap(back_off.next_delay(getattr(failure, "retry_after", None)))
                wait = 0
                continue
            took = self._clock.now().steady - started
            await self._nap(
                self._delay_after(back_off, brought_news=brought_news, took=took, wait=wait)
            )
            wait = self._pace.wait_seconds(self._fresh_seconds()) if self._etag else 0

    def _delay_after(
        self, back_off: BackOff, *, brought_news: bool, took: float, wait: int
    ) -> float:
        """Return how long to sleep after an answer, in seconds; all but `back_off` is about it."""
        is_early = took < wait - QUICK_ANSWER_SECONDS and not brought_news
        if not is_early or took >= QUICK_ANSWER_SECONDS:
            back_off.reset()
        if is_early:
            # A portal that hands over sends everybody home at once, one that holds no polls always.
            return back_off.next_delay()
        return self._pace.delay_after_answer(self._fresh_seconds())

    async def _poll(self, *, wait: int) -> bool:
        """Ask once and apply the answer; say whether anything is different now."""
        held = self._gate.held
        etag = self._etag if held else None
        answer = await self._unless_slept(
            self._client.poll(etag=etag, wait_seconds=wait if etag else 0)
        )
        received = self._clock.now()
        try:
            is_news = await self._apply_by_newest_keys(answer, held, received)
        except DocumentRefused:
            self._etag = None  # whatever the portal thinks we have, ask for all of it again
            raise
        if self._gate.held and self._trust.is_due(self._gate.held.accepted.signed.freshness):
            await self._look_for_keys()
        return is_news

    async def _apply_by_newest_keys(
        self, answer: NewPolicy | StillCurrent, held: HeldPolicy | None, received: Instant
    ) -> bool:
        try:
            return await self._apply(answer, held, received)
        except DocumentRefused as refusal:
            if refusal.code not in CURABLE or not await self._look_for_keys():
                raise
        return await self._apply(answer, self._gate.held, received)

    async def _look_for_keys(self) -> bool:
        """Say whether the portal has other keys to believe; failing that, ask another time."""
        try:
            return await self._renew_keys()
        except DeviceRevoked:
            raise
        except (AgentError, DocumentRefused) as failure:
            self._announce(f"No newer keys: {failure} [{failure.code}]")
            return False

    async def _renew_keys(self) -> bool:
        """Ask for keys; a policy that the new ones do not vouch for is not in force any more."""
        if not await self._trust.renew():
            return False
        self._floors = self._floors.believing(self._trust.keys)
        held = self._gate.held
        if held is not None:
            try:
                verify_documents(held.accepted.signed, keys=self._trust.keys)
            except DocumentRefused as refusal:
                self._gate.close(refusal.code)
                self._announce(f"The policy is signed by a key that was withdrawn: {refusal}")
        # With the version of the set: no older one comes back, whichever file is lost.
        self._state.write_floors(self._floors)
        self._announce(f"Keys: version {self._trust.keys.version} of the portal's set.")
        return True

    def _fresh_seconds(self) -> float:
        held = self._gate.held
        return held.remaining(self._clock.now()).total_seconds() if held else 0.0

    async def _nap(self, seconds: float) -> None:
        """Sleep, but not on after the computer itself slept."""
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _unless_slept[Answer](self, call: Coroutine[object, object, Answer]) -> Answer:
        """Make a call that waits long; give it up when the computer slept meanwhile.

        Raises:
            Slept: and the connection did most likely not outlive it.
        """
        calling = asyncio.create_task(call)
        waking = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait((calling, waking), return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                raise Slept
            return calling.result()
        finally:
            calling.cancel()
            waking.cancel()
            await asyncio.gather(calling, waking, return_exceptions=True)

    async def _apply(
        self, answer: NewPolicy | StillCurrent, before: HeldPolicy | None, received: Instant
    ) -> bool:
        signed, etag = self._documents(answer, before)
        accepted = accept(
            signed,
            keys=self._trust.keys,
            device=self._state.enrolment.device_id,
            floors=self._floors,
            now=received.wall,
        )
        self._floors = accepted.raise_floors(self._floors.believing(self._trust.keys))
        register = await self._register(accepted.ceiling.register, before)
        counterparties = await self._filter(accepted.ceiling.counterparties, before)
        place = self._place.settle(accepted.ceiling, self._floors)
        held = HeldPolicy(accepted, register, received, place=place, counterparties=counterparties)
        self._keep_place()
        self._gate.swap(held)
        self._portal_answered.set()
        is_news = before is None or _rules_of(held) != _rules_of(before)
        stored = StoredPolicy(signed, etag, received)
        self._keep(stored, held, is_news=is_news or etag != self._etag)
        self._etag = etag
        self._drop_erased(accepted.policy)  # or fail here, and confirm nothing
        if self._confirmations.sign(held, is_news=is_news):
            self._reportable.set()
        return is_news

    def _keep_place(self) -> None:
        """Have the place on disk before anything goes by it; else nothing is in force anywhere."""
        try:
            self._place.keep()
        except StateRefused as failure:
            self._gate.close(failure.code)
            self._kept_until = None
            with contextlib.suppress(StateRefused):
                self._state.remove_policy()
            raise

    def _keep(self, policy: StoredPolicy, held: HeldPolicy, *, is_news: bool) -> None:
        if is_news:
            self._kept_until = None  # also when writing fails: then the next answer is written
        if self._kept_until is None:
            self._state.write_policy(policy, self._floors)
        elif held.fresh_until_steady - self._kept_until >= held.window_seconds * BEHIND_ON_DISK:
            self._state.renew_policy(policy)
        else:
            return
        self._kept_until = held.fresh_until_steady

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
        self._withdraw("register_missing")
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
        self._withdraw("filter_missing")
        document = self._state.read_filter(digest)
        if document is None:
            document = await self._client.fetch_filter(digest)
            self._state.write_filter(digest, document)
        return CounterpartyFilter.from_document(document)

    def _withdraw(self, code: str) -> None:
        """Put nothing in force, here and in the processes that read the state folder.

        The policy in force has a successor: while that cannot be applied, neither holds.
        """
        self._gate.close(code)
        self._kept_until = None
        try:  # in this order: what a crash leaves behind is older than its floors, and refused
            self._place.note(self._floors)
            self._place.keep()
            self._state.write_floors(self._floors)
        finally:
            self._state.remove_policy()

    def _look_at_place(self) -> None:
        """Notice that the person said where they work, and tell the portal what comes of it."""
        held = self._gate.held
        if self._place.look() and held is not None:
            held = held.at_place(self._place.known)
            self._gate.swap(held)
            self._confirm_again(held)

    def _confirm_again(self, held: HeldPolicy) -> None:
        """Confirm what the policy in force comes to now; failing that, leave it to the next answer.

        What was never kept or dropped is not confirmed here either.
        """
        if self._kept_until is None:
            return
        try:
            self._drop_erased(held.accepted.policy)
            is_new = self._confirmations.sign(held, is_news=True)
        except (AgentError, DocumentRefused) as failure:
            self._announce(f"Not confirmed yet: {failure} [{failure.code}]")
            return
        if is_new:
            self._reportable.set()

    def _drop_erased(self, policy: DevicePolicy) -> None:
        dropped = self._spool.erase(policy.erase)
        if dropped:
            self._announce(f"Dropped before upload, because it was erased: {dropped} batches.")

    async def _watch_forever(self) -> None:
        """Look after what no answer of the portal tells: the pause's file, and having slept."""
        last = self._clock.now().steady
        while True:
            if not State.exists(self._state.path):
                raise NotEnrolled
            self._pause.look()
            self._look_at_place()
            if self._pause.has_ended() and self._gate.held is not None:
                self._confirm_again(self._gate.held)
            if self._pause.is_overdue():
                self._reportable.set()
            await asyncio.sleep(WATCH_SECONDS)
            now = self._clock.now().steady
            if now - last > SLEPT_SECONDS:
                self._woken.set()
            last = now

    async def _report_forever(self) -> None:
        back_off = BackOff()
        while True:
            await self._reportable.wait()
            self._reportable.clear()
            try:
                await self._confirmations.send(self._client)
                if self._pause.is_overdue():
                    await self._pause.report(self._client)
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


def _holds_all(stored: Floors, floors: Floors) -> bool:
    """Say whether what is on disk is as high; the time of a freshness is written with news only."""
    return replace(stored, freshness_issued_at=None) == replace(floors, freshness_issued_at=None)


def _rules_of(held: HeldPolicy) -> tuple[object, ...]:
    accepted, freshness = held.accepted, held.accepted.freshness
    return accepted.device_digest, accepted.ceiling_digest, freshness.programme, freshness.deny
