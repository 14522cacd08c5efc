"""Codes of IT: many devices, an end, and nothing of anybody's on a device that they don't call
theirs.
"""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from consent_agent.protocol.jws import public_key_jwk
from consent_app.audit.models import Details, Leaf
from consent_app.devices.actions import (
    accept_device,
    end_rollout,
    enrol_device,
    issue_rollout,
    receive_acknowledgement,
    refuse_device,
    revoke_device,
)
from consent_app.devices.errors import (
    DeviceDoesNotWait,
    EffectWiderThanPolicy,
    EmployeeUnknown,
    EnrolmentCodeInvalid,
    EnrolmentCodeSpent,
    RolloutOutOfRange,
    RolloutOver,
    TooManyDevicesWait,
)
from consent_app.devices.models import Device, DevicePolicy, Rollout
from consent_app.devices.queries import devices_of
from consent_app.notifications.models import Notification
from consent_app.restrictions.actions import WantedPreference, save_preference, start_pause
from tests.device_fixtures import Enrolled


@pytest.fixture
def samuel(make_employee):
    return make_employee("Samuel Adeyemi")


@pytest.fixture
def mira(ceilings, make_employee):
    return make_employee()


@pytest.fixture
def issue(samuel):
    def issue(**wanted):
        return issue_rollout(**{"label": "Berlin", "days": 14, "uses": None, "by": samuel} | wanted)

    return issue


@pytest.fixture
def roll_out(make_key):
    """Enrol one more device by a code, as a script of IT does."""

    def roll_out(code, person, **fields):
        key = make_key()
        device, token = enrol_device(
            **{
                "code": code,
                "public_key": public_key_jwk(key.private.public_key()),
                "hostname": "LAPTOP-7",
                "platform": "linux",
                "agent_version": "1.0.0",
                "employee_email": person.email,
            }
            | fields
        )
        return Enrolled(device, token, key)

    return roll_out


@pytest.fixture
def waiting(issue, roll_out, mira):
    _, code = issue()
    return roll_out(code, mira)


def owed():
    return list(Notification.objects.order_by("owed_at").values_list("event", "recipient__name"))


# The code


def test_code_lets_devices_of_several_people_in(issue, roll_out, mira, make_employee):
    rollout, code = issue()

    devices = [roll_out(code, person).device for person in (mira, make_employee("Tom Berg"))]

    assert [device.employee.name for device in devices] == ["Mira Okafor", "Tom Berg"]
    assert {device.rollout for device in devices} == {rollout}
    rollout.refresh_from_db()
    assert rollout.uses == 2


def test_only_a_hash_of_the_code_is_kept(issue):
    _, code = issue()

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(rollout)::text FROM devices_rollout rollout")
        kept = cursor.fetchone()[0]
    assert len(code) == len("ABCD-EFGH-JKLM-NPQR")
    assert code not in kept
    assert code.replace("-", "") not in kept
    assert not Details.objects.filter(content__contains={"code": code}).exists()


def test_code_ends_by_its_date(issue, roll_out, mira, frozen_time):
    _, code = issue(days=2)
    frozen_time.shift(timedelta(days=2))

    with pytest.raises(EnrolmentCodeInvalid):
        roll_out(code, mira)

    assert not Device.objects.exists()


def test_code_works_until_just_before(issue, roll_out, mira, frozen_time):
    _, code = issue(days=2)
    frozen_time.shift(timedelta(days=2, seconds=-1))

    assert roll_out(code, mira)


def test_code_lets_in_no_more_than_it_may(issue, roll_out, mira, make_employee):
    rollout, code = issue(uses=1)
    roll_out(code, mira)

    with pytest.raises(EnrolmentCodeSpent):
        roll_out(code, make_employee())

    assert Device.objects.count() == 1
    rollout.refresh_from_db()
    assert rollout.uses == 1


def test_code_that_was_ended_lets_nothing_in_and_what_it_let_in_stays(
    issue, roll_out, mira, samuel, make_employee
):
    rollout, code = issue()
    device = roll_out(code, mira).device
    end_rollout(rollout=rollout, by=samuel)

    with pytest.raises(EnrolmentCodeInvalid):
        roll_out(code, make_employee())

    device.refresh_from_db()
    assert device.revoked_at is None
    assert Leaf.objects.filter(event="rollout.ended", actor=samuel.pseudonym).exists()


def test_code_ends_once(issue, samuel):
    rollout, _ = issue()
    end_rollout(rollout=rollout, by=samuel)

    with pytest.raises(RolloutOver):
        end_rollout(rollout=rollout, by=samuel)

    assert Leaf.objects.filter(event="rollout.ended").count() == 1


@pytest.mark.parametrize("wanted", [{"days": 0}, {"days": 91}, {"uses": 0}])
def test_code_has_an_end_and_a_use(issue, wanted):
    with pytest.raises(RolloutOutOfRange):
        issue(**wanted)

    assert not Rollout.objects.exists()


def test_code_of_a_rollout_is_none_without_an_address(issue, roll_out, mira):
    _, code = issue()

    with pytest.raises(EnrolmentCodeInvalid):
        roll_out(code, mira, employee_email="")

    assert not Device.objects.exists()


@pytest.mark.parametrize("who", ["nobody", "somebody who left"])
def test_nobody_is_given_a_device_who_does_not_work_here(issue, roll_out, mira, who):
    rollout, code = issue()
    mira.is_active = who == "nobody"
    mira.save(update_fields=["is_active"])
    email = "nobody@example.com" if who == "nobody" else mira.email

    with pytest.raises(EmployeeUnknown):
        roll_out(code, mira, employee_email=email)

    assert not Device.objects.exists()
    rollout.refresh_from_db()
    assert rollout.uses == 0


def test_few_devices_wait_for_one_person(issue, roll_out, mira):
    _, code = issue()
    waiting = [roll_out(code, mira) for _ in range(5)]

    with pytest.raises(TooManyDevicesWait):
        roll_out(code, mira)

    accept_device(device=waiting[0].device, by=mira)
    assert roll_out(code, mira)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_last_use_has_one_winner(issue, roll_out, mira, make_employee):
    _, code = issue(uses=1)
    people, outcomes = [mira, make_employee()], []

    def work(person):
        try:
            outcomes.append(roll_out(code, person))
        except EnrolmentCodeSpent as refusal:
            outcomes.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "Enrolled",
        "EnrolmentCodeSpent",
    ]
    assert Rollout.objects.get().uses == Device.objects.count() == 1


# Before its owner says that it is theirs


def test_it_is_told_to_collect_nothing(waiting):
    told = waiting.newest_document()

    assert told.state == "unacknowledged"
    assert [(deny.source, deny.ends_at) for deny in told.deny] == [("notice", None)]
    assert told.deny[0].covers_everything


def test_it_learns_nothing_of_its_owner(waiting, mira):
    """Whoever has the code could let a device in under any name and read from it who paused."""
    before = waiting.newest()

    start_pause(employee=mira, by=mira, minutes=15)
    wanted = WantedPreference(default_minutes=7, battery_below_percent=30, denies_metered=True)
    save_preference(employee=mira, by=mira, wanted=wanted)

    waiting.device.refresh_from_db()
    assert waiting.device.policy_version == 1
    assert waiting.newest() == before
    assert DevicePolicy.objects.filter(device=waiting.device).count() == 1


def test_it_learns_nothing_of_what_was_decided_before(issue, roll_out, mira):
    start_pause(employee=mira, by=mira, minutes=15)
    _, code = issue()

    told = roll_out(code, mira).newest_document()

    assert [deny.source for deny in told.deny] == ["notice"]


def test_it_is_none_of_its_owners_devices(waiting, mira):
    assert devices_of(mira) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ledger", {"reports": [], "cost": []}),
        ("pauses", {"minutes": 5, "idempotency_key": "12345678"}),
    ],
)
def test_what_it_says_is_not_taken_for_its_owners(waiting, mira, post_json, path, body):
    refused = post_json(path, body, **waiting.authorization)

    assert refused.status_code == 409
    assert refused.json()["code"] == "device_waits_for_owner"
    accept_device(device=waiting.device, by=mira)
    assert post_json(path, body, **waiting.authorization).status_code in (201, 202)


def test_it_confirms_what_it_was_told(waiting):
    kept, is_new = receive_acknowledgement(device=waiting.device, jws=waiting.acknowledgement())

    assert is_new
    assert kept.effect == "not_collecting"


def test_nobody_is_mailed_what_it_says_in_their_name(waiting):
    """Whoever has a code could have a device contradict itself all day, under any name."""
    for sequence in (1, 2):
        wrong = waiting.acknowledgement(effect="collecting", sequence=sequence)
        with pytest.raises(EffectWiderThanPolicy):
            receive_acknowledgement(device=waiting.device, jws=wrong)

    assert owed() == [("device_waiting", "Mira Okafor")]


def test_its_owner_is_told_once(waiting, mira):
    assert owed() == [("device_waiting", "Mira Okafor")]
    assert Leaf.objects.get(event="device.enrolled").person == mira.pseudonym


# What its owner says


def test_yes_signs_the_policy_of_its_owner(waiting, mira):
    start_pause(employee=mira, by=mira, minutes=15)

    accept_device(device=waiting.device, by=mira)

    told = waiting.newest_document()
    assert (told.version, told.state) == (2, "paused")
    assert devices_of(mira) == [waiting.device]
    assert Leaf.objects.filter(event="device.accepted", actor=mira.pseudonym).count() == 1


def test_yes_is_said_once(waiting, mira):
    accept_device(device=waiting.device, by=mira)

    with pytest.raises(DeviceDoesNotWait):
        accept_device(device=waiting.device, by=mira)

    assert waiting.newest().version == 2


def test_no_shuts_it_out_and_tells_who_issued_the_code(waiting, mira, samuel):
    refuse_device(device=waiting.device, by=mira)

    waiting.device.refresh_from_db()
    assert waiting.device.revoked_at is not None
    assert owed() == [("device_waiting", mira.name), ("device_refused", samuel.name)]
    assert Leaf.objects.filter(event="device.refused", person=mira.pseudonym).count() == 1


def test_no_comes_too_late_after_a_yes(waiting, mira):
    accept_device(device=waiting.device, by=mira)

    with pytest.raises(DeviceDoesNotWait):
        refuse_device(device=waiting.device, by=mira)

    waiting.device.refresh_from_db()
    assert waiting.device.revoked_at is None


def test_a_removed_device_is_nobodys_any_more(waiting, mira, samuel):
    revoke_device(device=waiting.device, by=samuel)

    with pytest.raises(DeviceDoesNotWait):
        accept_device(device=waiting.device, by=mira)


# The pages


def test_home_asks_and_my_devices_takes_the_answer(sign_in, waiting, mira):
    client = sign_in(mira)

    assert "LAPTOP-7 was enrolled under your name. Is it yours?" in client.get("/").content.decode()
    page = client.get("/devices/").content.decode()
    assert "Is this yours?" in page
    assert "Berlin" in page

    answer = client.post(f"/devices/{waiting.device.pk}/mine", follow=True)

    assert "LAPTOP-7 is one of your devices now." in answer.content.decode()
    assert "Is it yours?" not in client.get("/").content.decode()


def test_no_on_the_page_removes_it(sign_in, waiting, mira):
    answer = sign_in(mira).post(f"/devices/{waiting.device.pk}/not-mine", follow=True)

    assert "LAPTOP-7 is not yours." in answer.content.decode()
    assert Device.objects.get().revoked_at is not None


@pytest.mark.parametrize("path", ["mine", "not-mine"])
def test_nobody_answers_for_somebody_else(sign_in, waiting, make_employee, path):
    other = make_employee("Tom Berg")

    assert sign_in(other).post(f"/devices/{waiting.device.pk}/{path}").status_code == 404

    waiting.device.refresh_from_db()
    assert (waiting.device.accepted_at, waiting.device.revoked_at) == (None, None)


# The API


@pytest.fixture
def body(issue, mira, make_key):
    _, code = issue(uses=1)
    return {
        "code": code,
        "public_key": public_key_jwk(make_key().private.public_key()),
        "hostname": "LAPTOP-7",
        "platform": "linux",
        "agent_version": "1.0.0",
        "employee_email": mira.email,
    }


def test_api_enrols_by_the_code_and_the_address(post_json, body, mira):
    answer = post_json("enrolments", body | {"employee_email": mira.email.upper()})

    assert answer.status_code == 201
    assert Device.objects.get(pk=answer.json()["device_id"]).waits_for_owner


def test_api_names_what_is_wrong_with_it(post_json, body, make_key):
    stranger = post_json("enrolments", body | {"employee_email": "nobody@example.com"})
    post_json("enrolments", body)
    key = public_key_jwk(make_key().private.public_key())
    spent = post_json("enrolments", body | {"public_key": key})

    assert (stranger.status_code, stranger.json()["code"]) == (422, "employee_unknown")
    assert (spent.status_code, spent.json()["code"]) == (409, "enrolment_code_spent")


def test_api_lets_nobody_try_addresses(post_json, body, frozen_time):
    answers = [
        post_json("enrolments", body | {"employee_email": f"x{n}@example.com"}).status_code
        for n in range(21)
    ]

    assert answers == [422] * 20 + [429]
    # Else 201 and 429 would say which of them are known.
    assert post_json("enrolments", body).status_code == 429
    frozen_time.shift(timedelta(minutes=10))
    assert post_json("enrolments", body).status_code == 201


def test_api_tells_by_no_key_who_works_here(post_json, body, issue):
    """A key that is registered already lets nothing in, so nobody would hear of the attempts."""
    _, code = issue()
    post_json("enrolments", body)

    answers = [
        post_json("enrolments", body | {"code": code, "employee_email": email}).json()["code"]
        for email in (body["employee_email"], "nobody@example.com")
    ]

    assert answers == ["key_already_registered"] * 2


def test_a_whole_office_enrols_behind_one_address(post_json, body, issue, make_key, make_employee):
    _, code = issue()
    answers = [
        post_json(
            "enrolments",
            body
            | {
                "code": code,
                "public_key": public_key_jwk(make_key().private.public_key()),
                "employee_email": make_employee(f"Person {n}").email,
            },
        ).status_code
        for n in range(25)
    ]

    assert answers == [201] * 25


def test_rollout_says_when_it_is_over(issue, samuel, frozen_time):
    rollout, _ = issue(days=1, uses=1)
    now = timezone.now()

    assert rollout.is_usable(now)
    assert not rollout.is_usable(now + timedelta(days=1))
    end_rollout(rollout=rollout, by=samuel)
    rollout.refresh_from_db()
    assert not rollout.is_usable(now)
