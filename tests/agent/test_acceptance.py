"""Which documents the agent takes: every code, and the order of the checks (T16-T21)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consent_agent.acceptance import MAX_VERSION_STEP, Floor, Floors, SignedDocuments, accept
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import sign
from tests.agent.simulated_portal import DEVICE, NOON, ceiling_members

OTHER = "00000000-0000-4000-8000-000000000000"
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def accepted(desk, keys):
    """Accept documents with the given changes."""

    def make(signed=None, *, floors=None, now=NOON, **changes):
        signed = signed or desk.sign_documents(**changes)
        return accept(signed, keys=keys, device=DEVICE, floors=floors or Floors(), now=now)

    return make


@pytest.fixture
def refused(accepted):
    def make(*arguments, **changes) -> str:
        with pytest.raises(DocumentRefused) as caught:
            accepted(*arguments, **changes)
        return caught.value.code

    return make


def test_takes_documents_that_belong_together(accepted):
    policy = accepted()

    assert (policy.policy.version, policy.ceiling.version) == (17, 3)


@pytest.mark.parametrize("name", ["device", "ceiling", "freshness"])
def test_each_document_must_be_signed(desk, refused, name):
    signed = desk.sign_documents()
    stripped = getattr(signed, name).rpartition(".")[0] + "."

    assert refused(replace(signed, **{name: stripped})) == "bad_signature"


@pytest.mark.parametrize("name", ["device", "ceiling", "freshness"])
def test_no_document_may_be_larger_than_64_kib(desk, refused, name):
    assert refused(replace(desk.sign_documents(), **{name: "a" * 65537})) == "too_large"


def test_documents_in_each_others_places_are_refused(desk, refused):
    signed = desk.sign_documents()
    swapped = SignedDocuments(signed.freshness, signed.ceiling, signed.device)

    assert refused(swapped) == "wrong_typ"


def test_the_policy_key_cannot_sign_a_ceiling(desk, refused):
    stolen = replace(desk.policy, role="programme")
    forged = sign(ceiling_members(collection="allowed"), typ="ceiling+jws", key=stolen)
    signed = desk.sign_documents()

    assert refused(replace(signed, ceiling=forged)) == "wrong_key_role"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"policy": {"schema": "device-policy/2"}}, "wrong_schema"),
        ({"ceiling": {"schema": "device-policy/1"}}, "wrong_schema"),
        ({"policy": {"version": 2**53 + 1.5}}, "bad_version"),
        ({"policy": {"version": "7"}}, "bad_version"),
        ({"ceiling": {"register": "sha256:xyz"}}, "bad_field"),
        ({"freshness": {"expires_at": None}}, "bad_field"),
        ({"policy": {"device": OTHER}}, "wrong_device"),
        ({"freshness": {"device": OTHER}}, "wrong_device"),
        ({"policy": {"cohort": "de"}}, "wrong_cohort"),
        ({"ceiling": {"cohort": "de"}}, "wrong_cohort"),
        ({"freshness": {"device_version": 16}}, "freshness_mismatch"),
        ({"freshness": {"ceiling_version": 4}}, "freshness_mismatch"),
        ({"freshness": {"device_digest": DIGEST}}, "freshness_mismatch"),
        ({"freshness": {"ceiling_digest": DIGEST}}, "freshness_mismatch"),
        ({"freshness": {"issued_at": NOON + timedelta(seconds=61)}}, "issued_in_future"),
        ({"freshness": {"minutes": 60.01}}, "bad_window"),
        ({"freshness": {"minutes": 0}}, "bad_window"),
        ({"freshness": {"minutes": -1}}, "bad_window"),
        ({"freshness": {"issued_at": NOON - timedelta(minutes=15)}}, "expired"),
    ],
)
def test_refuses_with_a_typed_code(refused, changes, code):
    assert refused(**changes) == code


@pytest.mark.parametrize(
    "freshness",
    [
        {"issued_at": NOON + timedelta(seconds=60)},
        {"minutes": 60},
        {"issued_at": NOON - timedelta(minutes=15) + timedelta(microseconds=1)},
    ],
)
def test_takes_a_window_at_its_very_edges(accepted, freshness):
    assert accepted(freshness=freshness)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"policy": {"version": 16}}, "rollback"),
        ({"ceiling": {"version": 2}}, "rollback"),
        ({"policy": {"state": "paused"}}, "version_reused"),
        ({"ceiling": {"max_pause_minutes": 29}}, "version_reused"),
        ({"policy": {"version": 17 + MAX_VERSION_STEP + 1}}, "version_jump"),
        ({"freshness": {"issued_at": NOON - timedelta(seconds=1)}}, "freshness_replayed"),
    ],
)
def test_nothing_falls_below_what_was_accepted_before(accepted, refused, changes, code):
    floors = accepted().raise_floors(Floors())

    assert refused(floors=floors, **changes) == code


def test_takes_the_same_again_and_the_next_version(accepted):
    floors = accepted().raise_floors(Floors())

    assert accepted(floors=floors)
    assert accepted(floors=floors, policy={"version": 18}, ceiling={"version": 4})


def test_each_cohort_counts_its_ceilings_for_itself(accepted):
    floors = Floors(ceilings={"us-ny": Floor(40, DIGEST)})
    moved = accepted(floors=floors, policy={"cohort": "de"}, ceiling={"cohort": "de"})

    assert moved.raise_floors(floors).ceilings["us-ny"].version == 40
    assert moved.raise_floors(floors).ceilings["de"].version == 3


def test_a_freshness_of_the_last_policy_does_not_fit_the_next(desk, refused):
    old, new = desk.sign_documents(), desk.sign_documents(policy={"version": 18})

    assert refused(replace(new, freshness=old.freshness)) == "freshness_mismatch"
    assert refused(replace(old, freshness=new.freshness)) == "freshness_mismatch"
    assert refused(replace(new, ceiling=desk.sign_ceiling(version=2))) == "freshness_mismatch"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"policy": {"device": OTHER, "version": 1}}, "wrong_device"),
        ({"policy": {"version": 1}, "freshness": {"device_digest": DIGEST}}, "rollback"),
        ({"freshness": {"device_digest": DIGEST, "minutes": 99}}, "freshness_mismatch"),
    ],
)
def test_checks_in_the_order_of_the_design(accepted, refused, changes, code):
    floors = accepted().raise_floors(Floors())

    assert refused(floors=floors, **changes) == code
