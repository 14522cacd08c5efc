"""That the fleet made by COPY is what enrolments would have made: devices accept their policies."""

import pytest

from consent_agent.protocol.documents import DevicePolicy
from consent_agent.protocol.jws import KeySet, verify
from consent_app.devices.actions import token_hash
from consent_app.devices.models import Device
from consent_app.devices.models import DevicePolicy as Signed
from consent_app.people.models import Employee
from consent_fleet.devices import read_devices
from portal.lib.keys import published_keys
from tests.bench.fleet import enrol_fleet, write_fleet
from tests.bench.steady import flat


@pytest.fixture
def fleet(ceilings, make_jurisdiction):
    make_jurisdiction("US-CA")
    return enrol_fleet(3)


def test_each_device_has_a_policy_that_it_accepts(fleet):
    keys = KeySet.from_jwks(published_keys())

    for one in fleet:
        row = Device.objects.get(token_hash=token_hash(one.device.token))
        jws = Signed.objects.get(device=row, version=row.policy_version).jws
        policy = DevicePolicy.from_payload(verify(jws, typ="device-policy+jws", keys=keys))
        assert str(row.pk) == policy.device == one.device.id
        assert row.employee_id == one.employee
        assert row.public_key == one.device.signing_key.public_jwk()["x"]
    assert Employee.objects.filter(pk__in=[one.employee for one in fleet]).count() == 3


def test_only_those_who_confirm_get_their_keys_in_the_file(fleet, tmp_path):
    file = write_fleet(tmp_path / "devices.jsonl", fleet, confirming=1)

    devices = read_devices(file, most=9)

    assert [bool(device.key) for device in devices] == [True, False, False]
    assert [device.id for device in devices] == [one.device.id for one in fleet]


@pytest.mark.parametrize(("last", "is_met"), [(104, True), (96, True), (106, False), (94, False)])
def test_a_soak_compares_the_medians_of_both_ends(last, is_met):
    # 50 before it settled, then 100, then `last` from the 121st second on.
    samples = [(t, 50 if t < 60 else 100 if t < 121 else last, 9) for t in range(181)]

    figure = flat("memory", samples, 1, 60.0, unit=1, name="MB")

    assert figure.is_met is is_met
