"""Which keys the agent believes, and how it learns of others (T20, T21, S30)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from consent_agent import trust
from consent_agent.acceptance import Floors, accept
from consent_agent.client import Connection, enrol
from consent_agent.errors import AnswerRefused, StateRefused
from consent_agent.gate import restore_policy
from consent_agent.protocol.decision import Reason
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.keys import read_key_set
from consent_agent.state import Enrolment, State
from tests.agent.running import work
from tests.agent.simulated_portal import DEVICE, NOON, SigningDesk, deny

pytestmark = pytest.mark.usefixtures("brisk")

HIGHEST = 2**53 - 1


@pytest.fixture
def desk() -> SigningDesk:
    """A desk of its own: these tests change its keys."""
    return SigningDesk()


@pytest.fixture
def state(portal, make_state) -> State:
    return make_state(portal.url)


def refusal(token: str, *, pinned: KeySet, held: KeySet | None = None) -> str:
    with pytest.raises(DocumentRefused) as caught:
        read_key_set(token, pinned=pinned, held=held)
    return caught.value.code


# Reading a set


def test_a_set_replaces_all_keys_but_those_of_the_programme(desk, keys):
    fresh = desk.make_key("policy")

    believed = read_key_set(desk.sign_keys(fresh, version=7), pinned=keys)

    assert fresh.kid in believed
    assert desk.policy.kid not in believed
    assert believed.of_role("programme").keys() == {desk.programme.kid}
    assert believed.version == 7


@pytest.mark.parametrize("role", ["policy", "checkpoint"])
def test_only_the_programme_key_vouches_for_keys(desk, keys, role):
    by = replace(getattr(desk, role), role="programme")

    assert refusal(desk.sign_keys(desk.policy, by=by), pinned=keys) == "unknown_key"


def test_a_strange_programme_key_vouches_for_nothing(desk, keys):
    strange = desk.make_key("programme")

    assert refusal(desk.sign_keys(desk.policy, by=strange), pinned=keys) == "unknown_key"


def test_no_set_brings_in_a_programme_key(desk, keys):
    """Not even one that the programme key signed: whoever stole that key could stay for ever."""
    token = desk.sign_keys(desk.policy, also=[desk.make_key("programme")])

    assert refusal(token, pinned=keys) == "bad_jwks"


def test_a_ceiling_is_no_key_set(desk, keys):
    assert refusal(desk.sign_ceiling(), pinned=keys) == "wrong_typ"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"schema": "keys/2"}, "wrong_schema"),
        ({"version": 0}, "bad_version"),
        ({"version": 1.5}, "bad_version"),
        ({"version": "7"}, "bad_version"),
        ({"issued_at": None}, "bad_field"),
        ({"expires_at": None}, "bad_field"),
        ({"keys": []}, "bad_jwks"),
        ({"keys": [{"kty": "RSA"}]}, "bad_jwks"),
    ],
)
def test_a_set_is_read_strictly(desk, keys, changes, code):
    assert refusal(desk.sign_keys(desk.policy, **changes), pinned=keys) == code


def test_an_older_set_is_refused(desk, keys):
    held = read_key_set(desk.sign_keys(desk.policy, version=8), pinned=keys)

    assert refusal(desk.sign_keys(desk.policy, version=7), pinned=keys, held=held) == "rollback"


# Accepting documents


def test_nothing_is_accepted_by_a_set_that_is_over(desk, keys):
    believed = read_key_set(desk.sign_keys(desk.policy), pinned=keys)
    facts = {"keys": believed, "device": DEVICE, "floors": Floors()}

    at_the_end = desk.sign_documents(freshness={"issued_at": believed.expires_at})
    with pytest.raises(DocumentRefused, match="keys_expired"):
        accept(at_the_end, now=believed.expires_at, **facts)

    before = believed.expires_at - timedelta(seconds=1)
    assert accept(desk.sign_documents(freshness={"issued_at": before}), now=before, **facts)


def test_floors_of_a_withdrawn_key_do_not_count(desk, keys):
    """T21: the highest version of all, signed with a stolen key, locks a device for a while."""
    stolen, desk.policy = desk.policy, desk.make_key("policy")
    fast_forward = _with_policy_key(desk, stolen).sign_documents(policy={"version": HIGHEST})
    both = read_key_set(desk.sign_keys(stolen, desk.policy), pinned=keys)
    only_new = read_key_set(desk.sign_keys(desk.policy, version=2), pinned=keys)
    taken = accept(fast_forward, keys=both, device=DEVICE, floors=Floors(), now=NOON)
    floors = taken.raise_floors(Floors())

    with pytest.raises(DocumentRefused, match="rollback"):
        accept(desk.sign_documents(), keys=both, device=DEVICE, floors=floors, now=NOON)

    recovered = accept(desk.sign_documents(), keys=only_new, device=DEVICE, floors=floors, now=NOON)
    assert recovered.policy.version == 17


def test_floors_of_the_other_keys_stay(desk, keys):
    stolen = desk.make_key("policy")
    both = read_key_set(desk.sign_keys(stolen, desk.policy), pinned=keys)
    mine = accept(
        desk.sign_documents(policy={"version": 20}),
        keys=both, device=DEVICE, floors=Floors(), now=NOON,
    )  # fmt: skip
    theirs = accept(
        _with_policy_key(desk, stolen).sign_documents(policy={"version": 30}),
        keys=both, device=DEVICE, floors=mine.raise_floors(Floors()), now=NOON,
    )  # fmt: skip
    floors = theirs.raise_floors(mine.raise_floors(Floors()))
    only_mine = read_key_set(desk.sign_keys(desk.policy, version=2), pinned=keys)

    with pytest.raises(DocumentRefused, match="rollback"):
        accept(
            desk.sign_documents(policy={"version": 19}),
            keys=only_mine, device=DEVICE, floors=floors.believing(only_mine), now=NOON,
        )  # fmt: skip


def _with_policy_key(desk: SigningDesk, key) -> SigningDesk:
    """Return a desk that signs policies with another key, ceilings as `desk` does."""
    other = SigningDesk()
    other.programme, other.policy, other.checkpoint = desk.programme, key, desk.checkpoint
    return other


# The running agent


def test_takes_a_key_that_was_announced_without_a_gap(portal, state, desk):
    following = desk.make_key("policy")
    portal.key_set = desk.sign_keys(desk.policy, following)

    async def scenario(running):
        await running.until(lambda: running.printed("Keys: version 1"))
        desk.policy = following
        portal.publish(version=18)
        await running.until(lambda: running.printed("version 18"))
        assert running.reason() is Reason.ALLOWED

    running = work(state, scenario)

    assert not running.printed("unknown_key")


def test_asks_for_keys_when_one_is_not_known(portal, state, desk):
    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        previous, desk.policy = desk.policy, desk.make_key("policy")
        portal.key_set = desk.sign_keys(previous, desk.policy)
        portal.publish(version=18)
        await running.until(lambda: running.printed("version 18"))
        assert running.reason() is Reason.ALLOWED

    work(state, scenario)


def test_a_key_that_nobody_vouches_for_is_refused(portal, state, desk):
    """Whoever took over the web server signs with a key of their own, and offers a set for it."""

    async def scenario(running):
        await running.until(lambda: running.printed("confirmed"))
        desk.policy = desk.make_key("policy")
        portal.key_set = desk.sign_keys(desk.policy, by=desk.make_key("programme"))
        portal.publish(version=18)
        await running.until(lambda: running.printed("No newer keys: unknown_key"))
        assert running.gate.held.accepted.policy.version == 17

    running = work(state, scenario)

    assert running.state.read_keys()[1] is None


def test_what_a_withdrawn_key_signed_is_refused_at_once(portal, state, desk):
    """The change of key tells the agent to look; then the policy in force has no signature left."""
    stolen, fresh = desk.policy, desk.make_key("policy")
    portal.key_set = desk.sign_keys(stolen, fresh)

    async def scenario(running):
        await running.until(lambda: running.printed("Keys: version 1"))
        portal.key_set = desk.sign_keys(fresh, version=2)
        desk.policy = fresh
        portal.publish(version=18)
        await running.until(lambda: running.printed("Keys: version 2"))
        await running.until(lambda: running.printed("version 18"))
        desk.policy = stolen
        portal.publish(version=19, state="collecting")
        await running.until(lambda: running.printed("unknown_key"))
        assert running.gate.held.accepted.policy.version == 18

    work(state, scenario)


def test_a_policy_in_force_ends_with_the_key_that_signed_it(portal, state, desk, monkeypatch):
    stolen, fresh = desk.policy, desk.make_key("policy")
    portal.key_set = desk.sign_keys(stolen, fresh)

    async def scenario(running):
        await running.until(lambda: running.printed("Keys: version 1"))
        portal.key_set = desk.sign_keys(fresh, version=2)
        monkeypatch.setattr(trust.Trust, "is_due", lambda *_: True)
        portal.publish(version=18, deny=[deny(kinds=["keystrokes"])])
        await running.until(lambda: running.printed("withdrawn"))
        assert running.reason() is Reason.NO_POLICY

    work(state, scenario)


def test_recovers_from_the_highest_version_of_all(portal, state, desk):
    """T21, with the running agent."""
    stolen, fresh = desk.policy, desk.make_key("policy")

    async def scenario(running):
        portal.publish(version=HIGHEST)
        await running.until(lambda: running.printed(f"version {HIGHEST}"))
        portal.publish(version=18)
        await running.until(lambda: running.printed("rollback"))
        portal.key_set = desk.sign_keys(fresh, version=2)
        desk.policy = fresh
        await running.until(lambda: running.printed("version 18"))
        assert running.reason() is Reason.ALLOWED

    portal.key_set = desk.sign_keys(stolen, fresh)
    work(state, scenario)


def test_a_set_that_is_over_stops_collection_until_there_is_another(portal, state, desk):
    portal.key_set = desk.sign_keys(desk.policy, days=-1)

    async def scenario(running):
        await running.until(lambda: running.printed("keys_expired"))
        assert running.reason() is not Reason.ALLOWED
        portal.key_set = desk.sign_keys(desk.policy, version=2)
        await running.until(lambda: running.printed("Keys: version 2"))
        await running.until(lambda: running.reason() is Reason.ALLOWED)

    state.write_keys(portal.key_set)
    work(state, scenario)


def test_looks_for_keys_once_a_day(portal, state, desk, monkeypatch):
    monkeypatch.setattr(trust, "LOOK_EVERY_SECONDS", 0.2)
    portal.key_set = desk.sign_keys(desk.policy)

    async def scenario(running):
        await running.until(lambda: running.printed("Keys: version 1"))
        portal.key_set = desk.sign_keys(desk.policy, version=2)
        await asyncio.sleep(0.25)
        portal.publish(version=18)
        await running.until(lambda: running.printed("Keys: version 2"))

    work(state, scenario)


# Kept between runs


def test_the_newest_set_holds_after_a_restart(state, desk):
    fresh = desk.make_key("policy")
    state.write_keys(desk.sign_keys(fresh))

    believed, _ = State.load(state.path).read_keys()

    assert fresh.kid in believed
    assert desk.policy.kid not in believed


def test_a_set_that_was_taken_away_does_not_bring_older_keys_back(make_stored_policy, desk):
    state = make_stored_policy()
    state.write_keys(desk.sign_keys(desk.policy))
    floors = state.read_floors().believing(state.read_keys()[0])
    state.write_policy(state.read_policy(), floors)
    restore_policy(state, floors=state.read_floors())

    (state.path / "keys.json").unlink()

    with pytest.raises(StateRefused, match=r"keys\.json"):
        restore_policy(state, floors=state.read_floors())


def test_a_restarted_agent_whose_set_is_gone_asks_for_it(portal, state, desk):
    portal.key_set = desk.sign_keys(desk.policy, version=3)
    state.write_keys(portal.key_set)

    async def scenario(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)

    work(state, scenario)
    (state.path / "keys.json").unlink()

    running = work(state, scenario)

    assert running.printed("Keys: version 3")
    assert not running.printed("  stored")


def test_no_older_set_is_taken_where_the_newest_is_gone(portal, state, desk):
    portal.key_set = desk.sign_keys(desk.policy, version=3)
    state.write_keys(portal.key_set)

    async def collects(running):
        await running.until(lambda: running.reason() is Reason.ALLOWED)

    work(state, collects)
    (state.path / "keys.json").unlink()
    portal.key_set = desk.sign_keys(desk.policy, version=2)

    async def asks(running):
        await running.until(lambda: running.printed("[rollback]"))
        assert running.reason() is Reason.NO_POLICY

    assert not work(state, asks).printed("Keys: version 2")


# Enrolment


@pytest.fixture
def enrol_at():
    def call(url: str, **options) -> Enrolment:
        async def run() -> Enrolment:
            facts = {"code": "ABCD2345", "hostname": "LAPTOP-1", "platform": "linux"}
            async with Connection(url) as connection:
                return await enrol(connection, url, **facts, **options)

        return asyncio.run(run())

    return call


def test_a_set_that_came_with_the_enrolment_is_kept(enrol_at, portal, desk, tmp_path):
    fresh = desk.make_key("policy")
    portal.key_set = desk.sign_keys(fresh)

    state = State.create(tmp_path / "enrolled", enrol_at(portal.url))

    assert fresh.kid in State.load(state.path).read_keys()[0]


def test_an_enrolment_with_a_set_of_somebody_else_is_refused(enrol_at, portal, desk):
    portal.key_set = desk.sign_keys(desk.policy, by=desk.make_key("programme"))

    with pytest.raises(AnswerRefused, match="bad_enrolment"):
        enrol_at(portal.url)


def test_a_programme_key_that_is_known_beforehand_is_insisted_on(enrol_at, portal, desk):
    with pytest.raises(AnswerRefused, match="other_programme_key"):
        enrol_at(portal.url, programme_keys=["another"])

    assert enrol_at(portal.url, programme_keys=[desk.programme.kid, "its successor"])
