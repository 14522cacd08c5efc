"""Receipts are verified by nothing but themselves and a key; one changed byte fails."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, sign
from consent_agent.protocol.receipts import MAX_BYTES, verify_receipt
from consent_app.audit.actions import erase_details
from consent_app.audit.models import Leaf
from consent_app.audit.receipts import receipt_for
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import resume, start_pause
from portal.lib.keys import create_keys, published_keys, signing_key


@pytest.fixture
def leaf(keys, make_employee):
    """Return the entry of a pause, somewhere amid others."""
    mira = make_employee()
    for _ in range(3):
        start_pause(employee=mira, by=mira, minutes=15)
        resume(employee=mira, by=mira)
    return Leaf.objects.filter(event="pause.started").order_by("index")[1]


@pytest.fixture
def receipt(leaf) -> bytes:
    return receipt_for(leaf)


def refused(document: bytes, **options) -> str:
    with pytest.raises(DocumentRefused) as refusal:
        verify_receipt(document, **options)
    return refusal.value.code


def changed(file: bytes, **members) -> bytes:
    return canonical_json(json.loads(file) | members)


def test_proves_the_entry_its_details_and_its_place(receipt, leaf):
    proof = verify_receipt(receipt, keys=KeySet.from_jwks(published_keys()))

    assert proof.entry.leaf["event"] == "pause.started"
    assert proof.entry.details == leaf.details.content
    assert proof.inclusion.index == leaf.index
    assert proof.inclusion.size == Leaf.objects.count()


def test_every_entry_has_one_at_every_size(leaf):
    for entry in Leaf.objects.order_by("index"):
        assert verify_receipt(receipt_for(entry)).inclusion.index == entry.index


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(data=st.data())
def test_one_changed_byte_fails(receipt, data):
    place = data.draw(st.integers(0, len(receipt) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != receipt[place]))

    spoilt = receipt[:place] + bytes([byte]) + receipt[place + 1 :]

    assert refused(spoilt)
    assert refused(spoilt, keys=KeySet.from_jwks(published_keys()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_missing_or_added_byte_fails(receipt, data):
    place = data.draw(st.integers(0, len(receipt) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))

    assert refused(receipt[:place] + receipt[place + 1 :])
    assert refused(receipt[:place] + byte + receipt[place:])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda receipt: receipt + b"\n", "not_canonical"),
        (lambda receipt: b" " * (MAX_BYTES + 1), "too_large"),
        (lambda receipt: b"", "bad_json"),
        (lambda receipt: b"[]", "bad_field"),
        (lambda receipt: b"null", "bad_field"),
        (lambda receipt: changed(receipt, schema="receipt/2"), "wrong_schema"),
        (lambda receipt: changed(receipt, receipt="a.b.c"), "not_a_jws"),
        (lambda receipt: changed(receipt, keys={"keys": []}), "bad_jwks"),
        (lambda receipt: changed(receipt, details={}), "altered"),
        (lambda receipt: changed(receipt, note="also"), "altered"),
        (lambda receipt: changed(receipt, path=[]), "altered"),
    ],
)
def test_what_is_wrong_is_named(receipt, spoil, code):
    assert refused(spoil(receipt)) == code


def test_another_portals_key_is_not_ours(receipt, tmp_path, settings):
    create_keys(tmp_path)
    settings.KEYS_DIR = tmp_path

    assert refused(receipt, keys=KeySet.from_jwks(published_keys())) == "unknown_key"


def test_a_policy_key_signs_no_receipt(receipt):
    with pytest.raises(ValueError, match="may not sign"):
        sign({}, typ="receipt+jws", key=signing_key("policy"))


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ({"details": {"minutes": 30}}, "wrong_commitment"),
        ({"salt": "00" * 32}, "wrong_commitment"),
        ({"salt": "zz"}, "bad_field"),
        ({"salt": None}, "bad_field"),
        ({"path": []}, "not_in_log"),
        ({"leaf": {"index": 0}, "details": None, "salt": None}, "not_in_log"),
        ({"leaf": None}, "bad_field"),
    ],
)
def test_what_we_sign_wrongly_ourselves_is_refused_too(receipt, member, code):
    """A portal that signs something false is found out by the parts not fitting together."""
    content = json.loads(receipt) | member
    rest = {name: value for name, value in content.items() if name != "receipt"}
    proof = verify_receipt(receipt)
    payload = {
        "schema": "receipt/1",
        "issued_at": "2026-11-23T12:00:00Z",
        "index": proof.inclusion.index,
        "size": proof.inclusion.size,
        "root": proof.inclusion.root.hex(),
        "rest": content_digest(canonical_json(rest)),
    }
    signed = sign(payload, typ="receipt+jws", key=signing_key("checkpoint"))

    assert refused(canonical_json(rest | {"receipt": signed})) == code


def test_erased_details_leave_a_receipt_without_them(leaf, receipt):
    erase_details(index=leaf.index, actor=system_user(), reason="asked for")

    proof = verify_receipt(receipt_for(leaf))

    assert proof.entry.details is None
    assert verify_receipt(receipt).entry.details is not None  # kept by whoever got it before
