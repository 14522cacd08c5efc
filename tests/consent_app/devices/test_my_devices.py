"""My devices: what is there, a code for a new one, removing one; never anybody else's."""

import re
import uuid

import pytest

from consent_agent.protocol.jws import public_key_jwk
from consent_app.audit.models import Leaf
from consent_app.devices.models import Device, EnrolmentCode


@pytest.fixture
def mira(make_employee):
    return make_employee()


def test_lists_my_devices(sign_in, mira, make_device):
    make_device(mira, hostname="LAPTOP-1")

    page = sign_in(mira).get("/devices/").content.decode()

    assert "LAPTOP-1" in page
    assert "has not asked for its policy yet" in page
    assert "Not started" in page


def test_without_devices_says_what_to_do(sign_in, mira):
    page = sign_in(mira).get("/devices/").content.decode()

    assert "No devices yet" in page
    assert "Add a device" in page


def test_code_is_shown_once_and_works(sign_in, mira, ceilings, post_json, make_key):
    page = sign_in(mira).post("/devices/code").content.decode()

    code = re.search(r"consent-agent enrol http\S+ ([A-Z2-9]{4}-[A-Z2-9]{4})", page)[1]
    body = {
        "code": code,
        "public_key": public_key_jwk(make_key().private.public_key()),
        "hostname": "LAPTOP-1",
        "platform": "linux",
        "agent_version": "1.0.0",
    }
    assert post_json("enrolments", body).status_code == 201
    assert Device.objects.get().employee == mira


def test_page_with_the_code_learns_that_the_device_came(sign_in, mira, make_device):
    client = sign_in(mira)

    assert "HX-Redirect" not in client.get("/devices/code/used", {"known": "0"})
    make_device(mira)

    answer = client.get("/devices/code/used", {"known": "0"})
    assert answer["HX-Redirect"] == "/"


@pytest.mark.parametrize("known", ["", "-1", "abc", "9" * 400, "\u0661"])
def test_odd_counts_are_answered_calmly(sign_in, mira, known):
    assert sign_in(mira).get("/devices/code/used", {"known": known}).status_code == 204


def test_removes_my_device(sign_in, mira, make_device):
    enrolled = make_device(mira)

    response = sign_in(mira).post(f"/devices/{enrolled.device.pk}/remove", follow=True)

    enrolled.device.refresh_from_db()
    assert enrolled.device.revoked_at
    assert "LAPTOP-1 was removed. It stops collecting as soon" in response.content.decode()
    assert Leaf.objects.filter(event="device.revoked", actor=mira.pseudonym).exists()


def test_somebody_elses_device_does_not_exist_for_me(sign_in, mira, make_device, make_employee):
    other = make_device(make_employee("Tom Berg"))
    client = sign_in(mira)

    theirs = client.post(f"/devices/{other.device.pk}/remove")
    nobodys = client.post(f"/devices/{uuid.uuid4()}/remove")

    assert theirs.status_code == nobodys.status_code == 404
    strip = re.compile(rb'"X-CSRFToken": "[^"]+"|value="[^"]{64}"')
    assert strip.sub(b"", theirs.content) == strip.sub(b"", nobodys.content)
    other.device.refresh_from_db()
    assert other.device.revoked_at is None


def test_device_removed_already_does_not_exist_any_more(sign_in, mira, make_device):
    enrolled = make_device(mira)
    client = sign_in(mira)
    client.post(f"/devices/{enrolled.device.pk}/remove")

    assert client.post(f"/devices/{enrolled.device.pk}/remove").status_code == 404


@pytest.mark.parametrize("path", ["/devices/code", f"/devices/{uuid.UUID(int=7)}/remove"])
def test_reading_changes_nothing(sign_in, mira, path):
    assert sign_in(mira).get(path).status_code == 405
    assert not EnrolmentCode.objects.exists()
