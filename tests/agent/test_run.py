"""The running agent against a portal over real HTTP."""

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consent_agent import pacing
from consent_agent.acceptance import Floors
from consent_agent.errors import DeviceRevoked, NotEnrolled, StateRefused
from consent_agent.floors import PLACE_UNKNOWN
from consent_agent.gate import Gate
from consent_agent.pacing import BackOff
from consent_agent.protocol.canonical import content_digest
from consent_agent.protocol.decision import Reason
from consent_agent.protocol.documents import Acknowledgement
from consent_agent.protocol.jws import verify_with_key
from consent_agent.spool import Batch, Spool
from consent_agent.state import LocalPause, State
from tests.agent.running import work
from tests.agent.simulated_portal import COHORT, NOON, REGISTER_DIGEST, SimulatedPortal, deny

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.fixture
def state(portal: SimulatedPortal, make_state) -> State:
    return make_state(portal.url)


def acknowledgements(portal: SimulatedPortal, state: State) -> list[Acknowledgement]:
    public = state.enrolment.private.public_key()
    return [
        Acknowledgement.from_payload(
            verify_with_key(body["jws"], typ="acknowledgement+jws", public_key=public)
        )
        for body in portal.bodies("POST", "acknowledgements")
    ]


def test_applies_the_policy_and_confirms_it(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        assert running.reason() is Reason.ALLOWED

    running = work(state, scenario)
    assert running.reason() is Reason.NO_POLICY
    confirmed = acknowledgements(portal, state)

    assert [(a.device_version, a.effect, a.sequence) for a in confirmed] == [(17, "collecting", 1)]
    assert "version 17  collecting  denied: nothing  confirmed" in running.lines[-1]


def test_a_pause_is_applied_and_confirmed_while_the_poll_waits(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.publish(version=18, state="paused", deny=[deny(**{"from": "2020-01-01T00:00:00Z"})])
        await running.until(lambda: running.printed("version 18"))
        assert running.reason() is Reason.PAUSE

    running = work(state, scenario)
    last = acknowledgements(portal, state)[-1]

    assert (last.device_version, last.effect, last.sequence) == (18, "not_collecting", 2)
    assert last.device_digest == content_digest(state.read_policy().signed.device.encode())
    assert "paused  denied: everything (pause)  confirmed" in running.lines[-1]


def test_collects_nothing_elsewhere_until_its_owner_says_that_they_moved(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.ceiling_changes = {"version": 1, "cohort": "us-ca"}
        portal.publish(version=18, cohort="us-ca")
        await running.until(lambda: running.printed("version 18"))
        assert running.reason() is Reason.COHORT_UNCONFIRMED
        await running.until(lambda: len(acknowledgements(portal, state)) == 2)
        state.say_place("us-ca")
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        await running.until(lambda: len(acknowledgements(portal, state)) == 3)

    running = work(state, scenario)
    effects = [(word.device_version, word.effect) for word in acknowledgements(portal, state)]

    assert effects == [(17, "collecting"), (18, "not_collecting"), (18, "collecting")]
    first, moved = (line for line in running.lines if "you work in" in line)
    assert first == (
        f"The portal says that you work in {COHORT}. If that is wrong, pause and tell your IT."
    )
    assert moved == (
        f"The portal says that you work in us-ca, and this computer knows {COHORT}. Nothing is"
        " collected until you say on it that the portal is right: consent-agent moved us-ca. If it"
        " is not, tell your IT."
    )
    assert running.printed("denied: everything (cohort_unconfirmed)  confirmed")


def test_says_where_it_takes_its_owner_to_work_when_nothing_is_collected_there(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.ceiling_changes = {"version": 1, "cohort": "de", "collection": "out_of_scope"}
        portal.publish(version=18, cohort="de")
        await running.until(lambda: running.printed("version 18"))
        assert running.reason() is Reason.OUT_OF_SCOPE

    running = work(state, scenario)

    assert running.lines.count(
        "The portal says that you work in de now. If that is wrong, pause and tell your IT."
    ) == 1  # fmt: skip
    assert state.read_place(Floors()).cohort == PLACE_UNKNOWN


def test_nothing_is_counted_while_its_owner_has_not_said_that_they_moved(portal, state):
    """From whom nothing may be collected, nothing may be counted: that would tell of them."""

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.ceiling_changes = {"version": 1, "cohort": "us-ca"}
        portal.publish(version=18, cohort="us-ca")
        await running.until(lambda: running.printed("version 18"))
        for until in (0, 16):
            running.clock.pass_time(minutes=until)
            verdict = running.gate.may_capture(application="github", kind="keystrokes")
            assert (verdict.allowed, verdict.application) == (False, None)

    work(state, scenario)


def test_a_place_that_can_not_be_read_is_none(portal, state, tmp_path):
    """A damaged file is no first policy."""
    (tmp_path / "state" / "place.json").write_bytes(b"damaged")
    (tmp_path / "state" / "place.json").chmod(0o600)

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        assert running.reason() is Reason.COHORT_UNCONFIRMED

    running = work(state, scenario)

    assert running.printed("and this computer does not know where.")


def test_nothing_is_in_force_whose_place_the_disk_does_not_keep(portal, state, monkeypatch):
    def refuse(self, cohort):
        raise StateRefused("place.json", "cannot be written (disk full)")

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        monkeypatch.setattr(State, "write_place", refuse)
        portal.ceiling_changes = {"version": 1, "cohort": "de", "collection": "out_of_scope"}
        portal.publish(version=18, cohort="de")
        await running.until(lambda: running.printed("disk full"))
        assert running.reason() is Reason.NO_POLICY
        assert Gate.from_state(state.path, running.clock).held is None
        monkeypatch.undo()
        await running.until(lambda: state.read_place(Floors()).cohort == PLACE_UNKNOWN)
        await running.until(lambda: running.reason() is Reason.OUT_OF_SCOPE)

    work(state, scenario)


ERASE = {
    "id": "33333333-0000-4000-8000-000000000003",
    "from": "2026-11-23T10:00:00Z",
    "until": "2026-11-23T11:00:00Z",
}


def test_the_owners_word_confirms_no_erasure_that_failed(portal, state, monkeypatch):
    """Only what is gone is said to be gone."""

    def refuse(self, erasures):
        raise StateRefused("spool", "cannot be written (disk full)")

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        monkeypatch.setattr(Spool, "erase", refuse)
        portal.ceiling_changes = {"version": 1, "cohort": "us-ca"}
        portal.publish(version=18, cohort="us-ca", erase=[ERASE])
        await running.until(lambda: running.reason() is Reason.COHORT_UNCONFIRMED)
        state.say_place("us-ca")
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        await running.until(lambda: running.printed("Not confirmed yet: spool"))
        assert len(acknowledgements(portal, state)) == 1
        monkeypatch.undo()
        await running.until(lambda: len(acknowledgements(portal, state)) == 2)

    work(state, scenario)

    last = acknowledgements(portal, state)[-1]
    assert (last.device_version, last.effect) == (18, "collecting")


def test_says_at_once_that_it_collects_again_after_a_pause_that_the_portal_never_knew(
    portal, state
):
    portal.wrong_answers["pauses"] = lambda handler: handler.send(503)

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        state.write_pause(LocalPause(1, running.clock.now(), "a-pause-of-the-device"))
        await running.until(lambda: running.reason() is Reason.LOCAL_PAUSE)
        portal.publish(version=18)
        await running.until(lambda: len(acknowledgements(portal, state)) == 2)
        running.clock.pass_time(minutes=1)
        await running.until(lambda: len(acknowledgements(portal, state)) == 3)

    work(state, scenario)

    effects = [word.effect for word in acknowledgements(portal, state)]
    assert effects == ["collecting", "not_collecting", "collecting"]


def test_the_owners_word_of_the_same_moment_is_not_lost(portal, state, monkeypatch):
    """Said between the agent's look at the file and its own writing."""
    keep = State.write_policy

    def keep_and_say(self, policy, floors):
        keep(self, policy, floors)
        if floors.device and "de" in floors.ceilings:
            monkeypatch.undo()
            self.say_place("us-ca")

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        monkeypatch.setattr(State, "write_policy", keep_and_say)
        portal.ceiling_changes = {"version": 1, "cohort": "de", "collection": "out_of_scope"}
        portal.publish(version=18, cohort="de")
        await running.until(lambda: running.printed("version 18"))
        portal.ceiling_changes = {"version": 1, "cohort": "us-ca"}
        portal.publish(version=19, cohort="us-ca")
        await running.until(lambda: running.reason() is Reason.ALLOWED)

    work(state, scenario)


def test_asks_without_waiting_first_and_waits_afterwards(portal, state):
    waits: list[str | None] = []
    answer = portal.answer

    def spy(handler, path, body):
        if path == "policy":
            waits.append(handler.headers.get("Prefer"))
        answer(handler, path, body)

    portal.answer = spy

    async def scenario(running):
        await running.until(lambda: len(waits) == 2)

    work(state, scenario)

    assert waits == [None, "wait=50"]


def test_a_refused_answer_changes_nothing(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.publish(version=3)
        await running.until(lambda: running.printed("[rollback]"))
        assert running.reason() is Reason.ALLOWED

    work(state, scenario)

    assert state.read_policy().signed.device
    assert {a.device_version for a in acknowledgements(portal, state)} == {17}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"programme": None}, "bad_field"),
        ({"device": "somebody-else"}, "wrong_device"),
        ({"minutes": 61}, "bad_window"),
        ({"issued_at": datetime.now(UTC) - timedelta(minutes=16)}, "expired"),
    ],
)
def test_never_opens_on_documents_it_refuses(portal, state, changes, code):
    portal.freshness_changes = changes

    async def scenario(running):
        await running.until(lambda: running.printed(f"[{code}]"))
        assert running.reason() is Reason.NO_POLICY

    work(state, scenario)

    assert not portal.bodies("POST", "acknowledgements")
    assert state.read_policy() is None


def test_without_its_register_a_policy_is_not_applied(portal, state):
    portal.wrong_answers[f"registers/{REGISTER_DIGEST}"] = lambda handler: handler.send(200, {})

    async def scenario(running):
        await running.until(lambda: running.printed("[wrong_digest]"))
        assert running.reason() is Reason.NO_POLICY
        portal.wrong_answers.clear()
        await running.until(lambda: running.printed("confirmed"))
        assert running.reason() is Reason.ALLOWED

    work(state, scenario)


def test_the_last_policy_ends_when_its_successor_lacks_a_register(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.ceiling_changes = {"version": 4, "register": "sha256:" + "0" * 64}
        portal.publish(version=18, deny=[deny()])
        await running.until(lambda: running.printed("404 not_found"))
        assert running.reason() is Reason.NO_POLICY
        elsewhere = Gate.from_state(state.path, running.clock)
        verdict = elsewhere.may_capture(application="github", kind="keystrokes")
        assert verdict.reason is Reason.NO_POLICY  # in processes that capture, too

    work(state, scenario)


def test_a_successor_that_lacks_its_register_counts_as_seen(portal, state):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        portal.ceiling_changes = {"version": 4, "register": "sha256:" + "0" * 64}
        portal.publish(version=18)
        await running.until(lambda: running.printed("404 not_found"))
        portal.ceiling_changes = {}
        portal.publish(version=17)
        await running.until(lambda: running.printed("[rollback]"))
        assert running.reason() is Reason.NO_POLICY

    work(state, scenario)

    assert state.read_floors().ceilings["us-ny"].version == 4


def test_fetches_the_counterparty_filter_that_the_ceiling_names(portal, state):
    digest = portal.publish_filter("mira@example.com")

    async def scenario(running):
        await running.until(lambda: running.gate.held)
        shared = {"application": "slack", "kind": "keystrokes"}
        with_mira = running.gate.may_capture(**shared, counterparties=["mira@example.com"])
        with_dana = running.gate.may_capture(**shared, counterparties=["dana@example.com"])
        assert with_mira.reason is Reason.COUNTERPARTY_PROTECTED
        assert with_dana.reason is Reason.ALLOWED

    work(state, scenario)
    work(state, scenario)

    assert len(portal.bodies("GET", f"filters/{digest}")) == 1


@pytest.mark.parametrize(
    ("wrong", "printed"),
    [
        (lambda handler: handler.send(404, {"code": "not_found"}), "404 not_found"),
        (lambda handler: handler.send(200, {}), "[wrong_digest]"),
    ],
)
def test_without_its_filter_a_policy_is_not_applied(portal, state, wrong, printed):
    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        digest = portal.publish_filter("mira@example.com")
        portal.wrong_answers[f"filters/{digest}"] = wrong
        portal.publish(version=18)
        await running.until(lambda: running.printed(printed))
        assert running.reason() is Reason.NO_POLICY
        portal.wrong_answers.clear()
        await running.until(lambda: running.reason() is Reason.COUNTERPARTIES_UNKNOWN)

    work(state, scenario)


def test_a_filter_it_cannot_apply_keeps_the_gate_closed(portal, state):
    portal.publish_filter(hash="md5")

    async def scenario(running):
        await running.until(lambda: running.printed("[bad_filter]"))
        assert running.reason() is Reason.NO_POLICY

    work(state, scenario)


def test_a_pause_that_is_over_is_not_called_one(portal, state):
    was = deny(**{"from": "2020-01-01T00:00:00Z", "until": "2020-01-01T00:15:00Z"})
    portal.publish(version=18, state="paused", deny=[was])

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))

    running = work(state, scenario)

    assert "version 18  collecting  denied: nothing" in running.lines[-1]


def test_a_programme_stop_reaches_the_gate_by_freshness_alone(portal, state):
    portal.freshness_changes = {"programme": "stopped"}

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        assert running.reason() is Reason.PROGRAMME_STOPPED

    running = work(state, scenario)

    assert "not_collecting  denied: everything (programme stopped)" in running.lines[-1]
    assert acknowledgements(portal, state)[-1].effect == "not_collecting"


def test_works_through_a_restart_of_the_server(portal, state, restart_portal):
    async def scenario(running):
        await running.until(lambda: running.printed("version 17"))
        await asyncio.to_thread(portal.stop)
        await running.until(lambda: running.printed("[portal_unreachable]"))
        again = restart_portal(portal)
        again.publish(version=18)
        await running.until(lambda: running.printed("version 18"))

    work(state, scenario)


def test_sends_an_acknowledgement_until_it_is_taken(portal, state):
    refusals = iter([503, 429, 500])

    def refuse_thrice(handler):
        status = next(refusals, None)
        handler.send(status or 202, {"code": "later"})

    portal.wrong_answers["acknowledgements"] = refuse_thrice

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))

    work(state, scenario)
    sent = portal.bodies("POST", "acknowledgements")

    assert len(sent) == 4
    assert len({body["jws"] for body in sent}) == 1


def test_an_unsent_acknowledgement_survives_a_restart(portal, state):
    portal.wrong_answers["acknowledgements"] = lambda handler: handler.send(503)

    async def without_success(running):
        await running.until(lambda: running.printed("Not reported yet"))

    async def with_success(running):
        await running.until(lambda: running.printed("confirmed"))

    work(state, without_success)
    portal.wrong_answers.clear()
    work(state, with_success)

    assert len({a.sequence for a in acknowledgements(portal, state)}) == 1
    assert state.read_acknowledgement().unsent is None


def test_does_not_confirm_the_same_policy_twice(portal, state):
    async def first(running):
        await running.until(lambda: running.printed("confirmed"))

    async def second(running):
        polls = len(portal.bodies("GET", "policy"))
        await running.until(lambda: len(portal.bodies("GET", "policy")) == polls + 2)

    work(state, first)
    work(state, second)

    assert len(acknowledgements(portal, state)) == 1


ERASE_NOON = {"id": "e-1", "from": "2026-11-23T12:00:00Z", "until": "2026-11-23T12:10:00Z"}


def at_noon(application: str = "slack") -> Batch:
    return Batch(application, "keystrokes", NOON, NOON + timedelta(minutes=1))


def test_drops_what_was_erased_before_it_confirms(portal, state):
    spool = Spool(state)
    spool.add(at_noon(), b"secret")
    spool.add(at_noon("github"), b"code")
    left_at_confirmation = []
    portal.wrong_answers["acknowledgements"] = lambda handler: (
        left_at_confirmation.append([batch.application for _, batch in spool.waiting()]),
        handler.send(202, {}),
    )
    portal.publish(erase=[ERASE_NOON | {"applications": ["slack"]}])

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))

    running = work(state, scenario)

    assert left_at_confirmation == [["github"]]
    assert running.printed("because it was erased: 1 batches")


def test_confirms_nothing_while_something_erased_cannot_be_dropped(portal, state, tmp_path):
    in_the_way = tmp_path / "state" / "spool" / ("0" * 32)
    in_the_way.mkdir(parents=True)
    portal.publish(erase=[ERASE_NOON])

    async def scenario(running):
        await running.until(lambda: sum("[state_refused]" in line for line in running.lines) > 3)
        assert running.reason() is Reason.ALLOWED
        assert not portal.bodies("POST", "acknowledgements")
        in_the_way.rmdir()
        await running.until(lambda: running.printed("confirmed"))

    work(state, scenario)


def test_a_revoked_device_stops_and_forgets(portal, state, tmp_path):
    Spool(state).add(at_noon(), b"secret")

    async def scenario(running):
        await running.until(lambda: running.printed("version 17"))
        portal.wrong_answers["policy"] = lambda handler: handler.send(
            403, {"code": "device_revoked"}
        )
        portal.publish(version=18)
        await running.until(lambda: running.reason() is Reason.NO_POLICY)

    # The poll under way was answered before; the next one learns it.
    with pytest.raises(DeviceRevoked):
        work(state, scenario)

    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file()]


def test_an_agent_whose_enrolment_was_removed_ends_and_leaves_nothing(portal, state, tmp_path):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        (tmp_path / "state" / "enrolment.json").unlink()
        await running.until(lambda: running.reason() is Reason.NO_POLICY)

    with pytest.raises(NotEnrolled):
        work(state, scenario)

    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file()]


def test_a_pause_on_the_device_stops_at_once_and_is_reported_later(portal, state):
    portal.wrong_answers["pauses"] = lambda handler: handler.send(503)

    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        pause = LocalPause(10, running.clock.now(), "6f9619ff-8b86-4d01-b42d-00c04fc964ff")
        state.write_pause(pause)
        await running.until(lambda: running.reason() is Reason.LOCAL_PAUSE)
        await running.until(lambda: running.printed("Not reported yet"))
        portal.wrong_answers.clear()
        await running.until(lambda: state.is_reported(pause))

    work(state, scenario)
    reports = portal.bodies("POST", "pauses")

    assert len(reports) >= 2
    assert reports[-1] == {
        "minutes": 10,
        "idempotency_key": "6f9619ff-8b86-4d01-b42d-00c04fc964ff",
    }


def test_a_pause_resumed_while_it_was_reported_ends_in_the_portal_too(portal, state):
    def resume_meanwhile(handler):
        state.remove_pause()
        handler.send(201, {})

    portal.wrong_answers["pauses"] = resume_meanwhile

    async def scenario(running):
        state.write_pause(LocalPause(10, running.clock.now(), "key"))
        await running.until(lambda: portal.bodies("DELETE", "pauses/current"))

    work(state, scenario)


def test_a_pause_that_the_portal_does_not_take_holds_on_the_device(portal, state):
    portal.wrong_answers["pauses"] = lambda handler: handler.send(409, {"code": "overlaps"})

    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        state.write_pause(LocalPause(10, running.clock.now(), "key"))
        await running.until(lambda: running.printed("did not take the pause"))
        assert running.reason() is Reason.LOCAL_PAUSE

    work(state, scenario)

    assert len(portal.bodies("POST", "pauses")) == 1


def test_resuming_on_the_device_collects_again(portal, state):
    async def scenario(running):
        state.write_pause(LocalPause(10, running.clock.now(), "key"))
        await running.until(lambda: running.reason() is Reason.LOCAL_PAUSE)
        state.remove_pause()
        await running.until(lambda: running.reason() is Reason.ALLOWED)

    work(state, scenario)


def test_a_pause_file_it_cannot_read_holds(portal, state, tmp_path):
    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)
        (tmp_path / "state" / "pause.json").touch(mode=0o600)
        await running.until(lambda: running.reason() is Reason.LOCAL_PAUSE)

    work(state, scenario)


def test_a_portal_that_holds_no_polls_is_not_hammered(portal, state, monkeypatch):
    delays = []
    monkeypatch.setattr(BackOff, "next_delay", lambda *arguments: delays.append(arguments) or 0.2)
    answer = portal.answer

    def hurry(handler, path, body):
        del handler.headers["Prefer"]
        answer(handler, path, body)

    portal.answer = hurry

    async def scenario(running):
        await running.until(lambda: len(delays) >= 2)

    work(state, scenario)

    assert len(portal.bodies("GET", "policy")) <= 5


def test_damaged_floors_do_not_lock_the_agent_out(portal, state, tmp_path):
    async def scenario(running):
        await running.until(lambda: running.printed("version 17"))

    work(state, scenario)
    (tmp_path / "state" / "floors.json").write_bytes(b"x" * 200)

    async def closed_then_open(running):
        await running.until(lambda: running.printed("No stored policy"))
        await running.until(lambda: running.reason() is Reason.COHORT_UNCONFIRMED)
        state.say_place(COHORT)
        await running.until(lambda: running.reason() is Reason.ALLOWED)

    work(state, closed_then_open)


def test_a_crash_between_policy_and_floors_is_made_good_at_the_next_start(portal, state):
    """Else one file more that is lost would let in a policy between the two."""

    async def scenario(running):
        await running.until(lambda: running.printed("version 17  "))
        portal.publish(version=19)
        await running.until(lambda: running.printed("version 19  "))

    work(state, scenario)
    state.write_floors(replace(state.read_floors(), device={}))

    async def begins(running):
        await running.until(lambda: state.read_floors().device)

    work(state, begins)

    assert {floor.version for floor in state.read_floors().device.values()} == {19}


def test_the_owners_word_after_floors_were_lost_outlives_a_restart(portal, state, tmp_path):
    async def scenario(running):
        await running.until(lambda: running.printed("version 17"))

    async def nothing(running):
        await running.until(lambda: running.printed("No stored policy"))

    work(state, scenario)
    (tmp_path / "state" / "floors.json").unlink()
    portal.wrong_answers["policy"] = lambda handler: handler.send(503, {"code": "unavailable"})
    work(state, nothing)
    state.say_place(COHORT)
    for _ in range(2):
        work(state, lambda running: running.until(lambda: running.lines))
    portal.wrong_answers.clear()

    work(state, lambda running: running.until(lambda: running.reason() is Reason.ALLOWED))


def test_a_device_of_before_there_were_places_that_has_no_policy_yet_takes_its_first(
    portal, state, tmp_path
):
    """Version 0.1.0 wrote no floors when it enrolled; their absence was no loss."""
    for name in ("floors.json", "place.json"):
        (tmp_path / "state" / name).unlink()

    work(state, lambda running: running.until(lambda: running.reason() is Reason.ALLOWED))

    assert state.read_place(Floors()).cohort == COHORT


def test_a_word_that_the_agent_would_not_go_by_is_not_taken(portal, state, tmp_path):
    work(state, lambda running: running.until(lambda: running.printed("version 17")))
    (tmp_path / "state" / "floors.json").unlink()

    with pytest.raises(StateRefused, match="floors"):
        state.say_place(COHORT)


def test_of_two_who_write_the_place_one_waits(state):
    with state.writing_place():
        began = time.monotonic()
        saying = threading.Thread(target=state.say_place, args=("us-ca",))
        saying.start()
        saying.join(0.2)
        waited = saying.is_alive()
    saying.join(10)

    assert waited
    assert time.monotonic() - began < 10
    assert state.read_place(Floors()).cohort == "us-ca"


def test_damaged_floors_let_no_older_policy_in(portal, state, tmp_path):
    async def scenario(running):
        await running.until(lambda: running.printed("version 17"))

    work(state, scenario)
    (tmp_path / "state" / "floors.json").write_bytes(b"x" * 200)
    portal.publish(version=16)

    async def refused(running):
        await running.until(lambda: running.printed("[rollback]"))
        assert running.reason() is Reason.NO_POLICY

    work(state, refused)


@pytest.mark.parametrize("name", ["floors.json", "policy.json"])
def test_confirmations_are_numbered_on_from_damaged_files(portal, state, tmp_path, name):
    """Two under one number look to the portal like two programs with one identity."""

    async def confirmed(running):
        await running.until(lambda: running.printed("version 17"))
        await running.until(lambda: state.read_acknowledgement().unsent is None)

    work(state, confirmed)
    (tmp_path / "state" / name).write_bytes(b"x" * 200)
    portal.freshness_changes = {"programme": "stopped"}

    async def told_anew(running):
        await running.until(lambda: len(acknowledgements(portal, state)) == 2)

    work(state, told_anew)

    assert [said.sequence for said in acknowledgements(portal, state)] == [1, 2]


def test_back_off_grows_to_a_minute_with_full_jitter(monkeypatch):
    monkeypatch.undo()
    bounds = []
    monkeypatch.setattr(pacing.random, "uniform", lambda low, high: bounds.append(high) or low)
    back_off = BackOff()

    delays = [back_off.next_delay() for _ in range(6)] + [back_off.next_delay(7)]

    assert bounds == [4, 8, 16, 32, 60, 60, 60]
    assert delays == [0] * 6 + [7]
