"""What a request does on the devices of whoever asked: confirmed or not, and when it ends."""

import re
from datetime import timedelta

import pytest

from consent_app.devices.actions import sign_ceilings
from consent_app.devices.models import Device
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import resume, start_pause
from exemptions.actions import submission
from exemptions.models import Verdict
from tests.conftest import NOON
from tests.device_fixtures import enrol
from tests.exemption_fixtures import PROTECTED, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")


@pytest.fixture
def enrol_for_mira(grounds, organisation):
    """Enrol a device of Mira's, under the register that came with the grounds."""
    sign_ceilings(by=system_user())

    def enrol_one(hostname: str):
        return enrol(organisation.mira, hostname=hostname)

    return enrol_one


@pytest.fixture
def laptop(enrol_for_mira):
    return enrol_for_mira("LAPTOP-1")


@pytest.fixture
def confirm(post_json):
    """Let a device apply its newest policy and say so, `sequence` counting its words."""

    def confirm(enrolled, *, sequence: int = 1):
        Device.objects.filter(pk=enrolled.device.pk).update(last_seen_at=NOON)
        body = {"jws": enrolled.acknowledgement(sequence=sequence)}
        answer = post_json("acknowledgements", body, **enrolled.authorization)
        assert answer.status_code == 202, answer.content

    return confirm


@pytest.fixture
def effect_on(sign_in):
    """Return what the page of a request says of devices, as a person reads it."""

    def read(request) -> str:
        page = sign_in(request.requester).get(f"/requests/{request.pk}/").content.decode()
        part = page.split('id="effect-now"')[1].split("</section>")[0]
        return " ".join(re.sub(r"<[^>]*>", "", part).split())

    return read


def test_says_that_a_device_has_not_confirmed_yet(make_request, laptop, effect_on):
    Device.objects.filter(pk=laptop.device.pk).update(last_seen_at=NOON)

    words = effect_on(make_request(ground=PROTECTED))

    assert "LAPTOP-1 has not confirmed it yet; last heard from at 12:00:00." in words


def test_says_when_a_device_confirmed(make_request, laptop, confirm, effect_on, frozen_time):
    request = make_request(ground=PROTECTED)
    frozen_time.shift(3)
    confirm(laptop)

    assert "LAPTOP-1 confirmed it at 12:00:03." in effect_on(request)


def test_a_pause_takes_no_confirmation_back(
    make_request, laptop, confirm, effect_on, frozen_time, organisation
):
    request = make_request(ground=PROTECTED)
    frozen_time.shift(3)
    confirm(laptop)
    frozen_time.shift(60)
    start_pause(employee=organisation.mira, by=organisation.mira, minutes=5)

    assert "LAPTOP-1 confirmed it at 12:00:03." in effect_on(request)


def test_word_about_a_later_policy_confirms_it_as_well(
    make_request, laptop, confirm, effect_on, frozen_time, organisation
):
    request = make_request(ground=PROTECTED)
    start_pause(employee=organisation.mira, by=organisation.mira, minutes=5)
    resume(employee=organisation.mira, by=organisation.mira)
    frozen_time.shift(9)
    confirm(laptop)

    assert "LAPTOP-1 confirmed it at 12:00:09." in effect_on(request)


def test_word_about_an_earlier_policy_confirms_nothing(
    make_request, laptop, confirm, effect_on, frozen_time
):
    confirm(laptop)
    frozen_time.shift(3)

    words = effect_on(make_request(ground=PROTECTED))

    assert "LAPTOP-1 has not confirmed it yet" in words


def test_each_device_speaks_for_itself(make_request, laptop, enrol_for_mira, confirm, effect_on):
    desktop = enrol_for_mira("DESKTOP-7")
    request = make_request(ground=PROTECTED)
    confirm(desktop)

    words = effect_on(request)

    assert "DESKTOP-7 confirmed it" in words
    assert "LAPTOP-1 has not asked for its policy yet." in words


def test_device_out_of_reach_stops_by_itself(make_request, laptop, effect_on):
    seen = NOON - timedelta(minutes=10)
    Device.objects.filter(pk=laptop.device.pk).update(last_seen_at=seen)

    words = effect_on(make_request(ground=PROTECTED))

    assert "last heard from at 11:50:00." in words
    assert "it collects nothing after 12:06 until it answers again." in words


def test_the_end_is_confirmed_too(
    make_request, laptop, confirm, effect_on, frozen_time, organisation
):
    request = make_request(ground=PROTECTED)
    confirm(laptop)
    frozen_time.shift(60)
    submission.withdraw_request(request=request, by=organisation.mira)

    before = effect_on(fresh(request))
    confirm(laptop, sequence=2)
    after = effect_on(fresh(request))

    assert "LAPTOP-1 has not confirmed the end of the protection yet" in before
    assert "LAPTOP-1 confirmed the end of the protection at 12:01:00." in after


def test_granted_exemption_takes_the_place_of_the_protection(
    make_request, laptop, confirm, effect_on, frozen_time, decide_all
):
    request = make_request(ground=PROTECTED)
    confirm(laptop)
    frozen_time.shift(60)
    request = decide_all(request)

    before = effect_on(request)
    confirm(laptop, sequence=2)

    assert "has not confirmed it yet" in before
    assert "LAPTOP-1 confirmed it at 12:01:00." in effect_on(request)


def test_protection_by_silence_is_told_ahead(make_request, laptop, confirm, effect_on):
    request = make_request()
    confirm(laptop)

    words = effect_on(request)

    assert "LAPTOP-1 confirmed at 12:00:00 that it keeps to it from its first day on" in words


def test_declined_request_changes_nothing(make_request, laptop, decide_all, effect_on):
    words = effect_on(decide_all(make_request(), Verdict.DECLINE))

    assert "This request changes nothing on your devices." in words


def test_without_a_device_nothing_is_collected(make_request, effect_on):
    assert "You have no device here" in effect_on(make_request(ground=PROTECTED))


def test_page_asks_again_and_is_answered_only_when_something_changed(
    make_request, laptop, confirm, sign_in
):
    request = make_request(ground=PROTECTED)
    client = sign_in(request.requester)
    page = client.get(f"/requests/{request.pk}/").content.decode()
    mark = re.search(r'{"seen": "(\w+)"}', page)[1]
    address = f"/requests/{request.pk}/?seen={mark}&version={request.version}"

    same = client.get(address, headers={"HX-Request": "true"})
    confirm(laptop)
    changed = client.get(address, headers={"HX-Request": "true"})

    assert same.status_code == 204
    assert changed.status_code == 200
    assert changed.content.decode().strip().startswith('<div id="request-now"')
    assert "LAPTOP-1 confirmed it" in re.sub(r"<[^>]*>", "", changed.content.decode())


def test_open_page_says_that_something_happened(make_request, sign_in, organisation):
    request = make_request()
    client = sign_in(request.requester)
    submission.withdraw_request(request=request, by=organisation.mira)

    answer = client.get(
        f"/requests/{request.pk}/?seen=&version={request.version}", headers={"HX-Request": "true"}
    )

    assert "Something happened since you opened this page." in answer.content.decode()
    assert "You withdrew this request" in answer.content.decode()


def test_asking_again_issues_few_queries(
    make_request, laptop, sign_in, django_assert_max_num_queries
):
    request = make_request(ground=PROTECTED)
    client = sign_in(request.requester)
    client.get("/")

    with django_assert_max_num_queries(20):
        client.get(f"/requests/{request.pk}/?seen=", headers={"HX-Request": "true"})
