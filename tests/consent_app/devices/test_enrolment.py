"""Codes and enrolment: one use, fifteen minutes, one winner, nothing usable in the database."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from consent_agent.protocol.jws import public_key_jwk
from consent_app.audit.models import Details, Leaf
from consent_app.devices.actions import enrol_device, issue_enrolment_code, revoke_device
from consent_app.devices.errors import (
    DeviceAlreadyRevoked,
    EnrolmentCodeInvalid,
    EnrolmentCodeUsed,
    KeyAlreadyRegistered,
    KeyUnusable,
)
from consent_app.devices.models import Device, EnrolmentCode
from consent_app.notifications.models import Notification


@pytest.fixture
def mira(ceilings, make_employee):
    return make_employee()


@pytest.fixture
def enrol(make_key):
    def enrol(code, key=None, **fields):
        key = key or make_key()
        return enrol_device(
            **{
                "code": code,
                "public_key": public_key_jwk(key.private.public_key()),
                "hostname": "LAPTOP-1",
                "platform": "macos",
                "agent_version": "1.0.0",
            }
            | fields
        )

    return enrol


def code_for(person):
    return issue_enrolment_code(employee=person, by=person)


def owed():
    return list(Notification.objects.order_by("owed_at").values_list("event", flat=True))


def test_code_lets_one_device_of_its_owner_in(mira, enrol):
    device, token = enrol(code_for(mira))

    assert device.employee == mira
    assert device.policy_version == 1
    assert token.encode() not in bytes(device.token_hash)
    assert owed() == ["device_enrolled"]


@pytest.mark.parametrize(
    "form", [str.lower, lambda code: code.replace("-", " "), lambda c: f" {c} "]
)
def test_code_may_be_typed_as_people_type(mira, enrol, form):
    device, _ = enrol(form(code_for(mira)))

    assert device.employee == mira


def test_second_use_is_refused_recorded_and_told(mira, enrol):
    code = code_for(mira)
    enrol(code)

    with pytest.raises(EnrolmentCodeUsed):
        enrol(code)

    assert Device.objects.count() == 1
    assert Leaf.objects.filter(event="enrolment_code.reused", person=mira.pseudonym).count() == 1
    assert owed() == ["device_enrolled", "enrolment_code_reused"]


def test_code_expires_after_fifteen_minutes(mira, enrol, frozen_time):
    code = code_for(mira)
    frozen_time.shift(timedelta(minutes=15))

    with pytest.raises(EnrolmentCodeInvalid):
        enrol(code)

    assert not Device.objects.exists()


def test_code_works_until_just_before(mira, enrol, frozen_time):
    code = code_for(mira)
    frozen_time.shift(timedelta(minutes=14, seconds=59))

    assert enrol(code)


def test_new_code_ends_the_one_before(mira, enrol):
    first = code_for(mira)
    code_for(mira)

    with pytest.raises(EnrolmentCodeInvalid):
        enrol(first)


def test_code_of_somebody_who_left_is_worth_nothing(mira, enrol):
    code = code_for(mira)
    mira.is_active = False
    mira.save(update_fields=["is_active"])

    with pytest.raises(EnrolmentCodeInvalid):
        enrol(code)


def test_unknown_code_is_refused(mira, enrol):
    with pytest.raises(EnrolmentCodeInvalid):
        enrol("ABCD-2345")


def test_database_holds_no_usable_code(mira):
    code = code_for(mira)

    stored = bytes(EnrolmentCode.objects.get().code_hash)

    assert code.replace("-", "").encode() not in stored
    assert code not in str(list(Details.objects.values_list("content", flat=True)))


@pytest.mark.parametrize("x", ["A" * 43, "not a key", ""])
def test_key_that_is_none_is_refused_and_the_code_stays_good(mira, enrol, x):
    code = code_for(mira)

    with pytest.raises(KeyUnusable):
        enrol(code, public_key={"kty": "OKP", "crv": "Ed25519", "x": x})

    assert enrol(code)


def test_key_of_another_device_is_refused(mira, enrol, make_key):
    key = make_key()
    enrol(code_for(mira), key)

    with pytest.raises(KeyAlreadyRegistered):
        enrol(code_for(mira), key)

    assert Device.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_100_simultaneous_uses_let_exactly_one_in(mira, enrol):
    code = code_for(mira)
    barrier, outcomes = threading.Barrier(100), []

    def use():
        barrier.wait()
        try:
            enrol(code)
            outcomes.append("in")
        except EnrolmentCodeUsed:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["in"] + ["refused"] * 99
    assert Device.objects.count() == 1


def test_removed_device_stays_removed(make_device):
    enrolled = make_device()
    owner = enrolled.device.employee

    revoke_device(device=enrolled.device, by=owner)

    enrolled.device.refresh_from_db()
    assert enrolled.device.revoked_at
    assert "device_removed" in owed()
    with pytest.raises(DeviceAlreadyRevoked):
        revoke_device(device=enrolled.device, by=owner)
