"""My preferences: what is chosen is signed with it, shown to its owner alone, and said plainly."""

import json
from datetime import time, timedelta

import pytest
from django.urls import reverse

from consent_agent.protocol.decision import Subject, decide
from consent_agent.protocol.jws import decode_base64url
from consent_app.audit.models import Leaf
from consent_app.devices.actions import keep_policies
from consent_app.devices.overview import summary_for
from consent_app.devices.queries import ceiling_document, stops_for
from consent_app.notifications.models import Notification
from consent_app.register.queries import register_by_digest
from consent_app.restrictions import queries
from consent_app.restrictions.actions import (
    WantedPreference,
    add_quiet_time,
    choose_applications,
    end_quiet_time,
    extend_pause,
    save_preference,
    start_pause,
)
from consent_app.restrictions.actions.reminders import remind_of_ends
from consent_app.restrictions.errors import ApplicationUnknown, PauseLengthOutOfRange
from tests.conftest import NOON

EVERY_DAY = frozenset(range(1, 8))
CHOSEN = {
    "default_minutes": "7",
    "default_device": "",
    "reminder_minutes": "2",
    "battery_below_percent": "30",
    "denies_metered": "on",
    "denies_private_window": "on",
}


@pytest.fixture
def mira(frozen_time, make_employee):
    return make_employee("Mira Okafor", time_zone="America/Los_Angeles")


@pytest.fixture
def laptop(make_device, mira):
    return make_device(mira)


@pytest.fixture
def captured(ceilings):
    return ceilings[0].register.applications.captured().first()


def payload(laptop) -> dict:
    return json.loads(decode_base64url(laptop.newest().jws.split(".")[1]))


def verdict(laptop, slug, at):
    ceiling = ceiling_document(laptop.device.employee.jurisdiction)
    return decide(
        Subject(application=slug),
        kind="keystrokes",
        at=at,
        register=register_by_digest(ceiling.register),
        ceiling=ceiling,
        policy=laptop.newest_document(),
        freshness_deny=stops_for(laptop.device.employee.jurisdiction, at=at),
    )


# Pauses, battery, networks, windows


def test_conditions_are_in_the_policy_that_is_signed_with_them(sign_in, mira, laptop):
    response = sign_in(mira).post(reverse("preferences"), CHOSEN)

    assert response.status_code == 302
    assert payload(laptop)["conditions"] == {
        "battery_below_percent": 30,
        "metered_network": "deny",
        "private_window": "deny",
    }
    assert laptop.newest().requested_at == NOON


def test_what_is_not_chosen_is_not_in_the_policy(mira, laptop):
    save_preference(employee=mira, by=mira, wanted=WantedPreference(denies_metered=True))
    assert payload(laptop)["conditions"] == {"metered_network": "deny"}

    save_preference(employee=mira, by=mira, wanted=WantedPreference())

    assert payload(laptop)["conditions"] == {}


def test_the_same_again_signs_nothing(mira, laptop):
    save_preference(employee=mira, by=mira, wanted=WantedPreference(default_minutes=7))
    version = laptop.newest().version

    save_preference(employee=mira, by=mira, wanted=WantedPreference(default_minutes=7))

    assert laptop.newest().version == version
    assert Leaf.objects.filter(event="preference.changed").count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"default_minutes": "31"}, "It is at most 30 minutes."),
        ({"default_minutes": "0"}, "It is at least 1 minute."),
        ({"default_minutes": ""}, "Give a number of minutes."),
        ({"default_minutes": "ten"}, "Give whole minutes as a number."),
        ({"reminder_minutes": "11"}, "It is at most 10 minutes."),
        ({"battery_below_percent": "101"}, "It is at most 100 percent."),
        ({"battery_below_percent": "12.5"}, "Give a whole number from 1 to 100."),
        ({"default_device": "00000000-0000-0000-0000-000000000000"}, "Choose one of your devices."),
    ],
)
def test_what_can_not_be_is_said_beside_its_field(sign_in, mira, laptop, changes, words):
    response = sign_in(mira).post(reverse("preferences"), CHOSEN | changes)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert queries.pause_preference(mira) is None


def test_no_pause_becomes_longer_by_being_usual(mira):
    with pytest.raises(PauseLengthOutOfRange):
        save_preference(employee=mira, by=mira, wanted=WantedPreference(default_minutes=31))


def test_a_device_of_somebody_else_is_not_chosen(sign_in, mira, make_device, make_employee):
    other = make_device(make_employee("Noor Haddad"))

    response = sign_in(mira).post(
        reverse("preferences"), CHOSEN | {"default_device": str(other.device.pk)}
    )

    assert response.status_code == 422


def test_home_begins_with_my_usual_pause_of_my_usual_device(sign_in, mira, laptop, make_device):
    make_device(mira, hostname="LAPTOP-2")
    wanted = WantedPreference(default_minutes=7, default_device=laptop.device.pk)
    save_preference(employee=mira, by=mira, wanted=wanted)
    client = sign_in(mira)

    page = client.get(reverse("home")).content.decode()
    client.post(reverse("pause-start"), {"minutes": "7", "device": str(laptop.device.pk)})

    assert page.index(">7 minutes<") < page.index(">15 minutes<")
    assert "Pause collection on LAPTOP-1" in page
    (pause,) = queries.pauses_of(mira, at=NOON)
    assert pause.device == laptop.device.pk


def test_any_other_device_in_the_request_pauses_all(sign_in, mira, laptop, make_device):
    other = make_device(mira, hostname="LAPTOP-2")
    save_preference(
        employee=mira, by=mira, wanted=WantedPreference(default_device=laptop.device.pk)
    )

    sign_in(mira).post(reverse("pause-start"), {"minutes": "7", "device": str(other.device.pk)})

    (pause,) = queries.pauses_of(mira, at=NOON)
    assert pause.device is None


# Quiet times


def test_a_quiet_time_is_in_the_policy_ahead(sign_in, mira, laptop, captured):
    posted = {"starts_at": "12:30", "minutes": "20", "weekdays": ["1", "2", "3", "4", "5"]}

    sign_in(mira).post(reverse("quiet-time-add"), posted)

    begins = NOON + timedelta(hours=8, minutes=30)  # 12:30 in Los Angeles, a Monday
    assert verdict(laptop, captured.slug, begins - timedelta(seconds=1)).allowed
    assert verdict(laptop, captured.slug, begins).reason == "preference"
    assert verdict(laptop, captured.slug, begins + timedelta(minutes=20)).allowed
    assert (
        verdict(laptop, captured.slug, begins + timedelta(days=4, minutes=5)).reason == "preference"
    )
    assert verdict(laptop, captured.slug, begins + timedelta(days=5, minutes=5)).allowed


def test_where_no_quiet_time_was_written_yet_nothing_is_collected(mira, laptop, captured):
    add_quiet_time(employee=mira, by=mira, starts_at=time(12), minutes=5, weekdays=EVERY_DAY)

    assert verdict(laptop, captured.slug, NOON + timedelta(days=13, hours=1)).allowed
    assert not verdict(laptop, captured.slug, NOON + timedelta(days=14)).allowed


def test_policies_with_quiet_times_are_signed_again_in_time(mira, laptop, frozen_time):
    add_quiet_time(employee=mira, by=mira, starts_at=time(12), minutes=5, weekdays=EVERY_DAY)
    version = laptop.newest().version

    frozen_time.shift(timedelta(days=6))
    assert keep_policies() == 0
    frozen_time.shift(timedelta(days=2))
    assert keep_policies() == 1
    assert keep_policies() == 0

    assert laptop.newest().version == version + 1


def test_a_quiet_time_ends_for_good(sign_in, mira, laptop, captured):
    quiet = add_quiet_time(employee=mira, by=mira, starts_at=time(4), minutes=5, weekdays=EVERY_DAY)
    assert not verdict(laptop, captured.slug, NOON).allowed  # it is 04:00 there

    for _ in range(2):
        sign_in(mira).post(reverse("quiet-time-end", args=[quiet.pk]))

    assert verdict(laptop, captured.slug, NOON).allowed
    assert queries.quiet_times_of(mira) == []
    assert Leaf.objects.filter(event="quiet_time.ended").count() == 1


def test_a_quiet_time_of_somebody_else_does_not_exist(sign_in, mira, make_employee):
    quiet = add_quiet_time(employee=mira, by=mira, starts_at=time(4), minutes=5, weekdays=EVERY_DAY)

    response = sign_in(make_employee()).post(reverse("quiet-time-end", args=[quiet.pk]))

    assert response.status_code == 404
    assert queries.quiet_times_of(mira) == [quiet]


def test_a_fourth_quiet_time_is_refused_on_the_page(sign_in, mira):
    client = sign_in(mira)
    days = {"minutes": "30", "weekdays": ["1"]}
    for hour in (8, 10, 12):
        client.post(reverse("quiet-time-add"), days | {"starts_at": f"{hour:02}:00"})

    response = client.post(reverse("quiet-time-add"), days | {"starts_at": "14:00"})

    assert response.status_code == 422
    assert "There are three quiet times already." in response.content.decode()


def test_a_quiet_time_shows_as_such_and_is_no_pause_to_end(sign_in, mira, laptop):
    add_quiet_time(employee=mira, by=mira, starts_at=time(4), minutes=10, weekdays=EVERY_DAY)

    page = sign_in(mira).get(reverse("home")).content.decode()

    assert "End the pause" not in page
    assert "Pause collection on all your devices" in page


def test_a_pause_within_a_quiet_time_ends_with_the_later_of_both(mira, laptop):
    add_quiet_time(employee=mira, by=mira, starts_at=time(4), minutes=10, weekdays=EVERY_DAY)
    start_pause(employee=mira, by=mira, minutes=5)

    assert summary_for(mira).paused_until == NOON + timedelta(minutes=10)


# Applications


def test_an_application_is_kept_out_and_let_in_again(sign_in, mira, laptop, captured):
    client = sign_in(mira)

    client.post(reverse("preference-application"), {"application": captured.slug})
    assert verdict(laptop, captured.slug, NOON).reason == "preference"

    client.post(reverse("preference-application"), {"application": captured.slug, "again": "yes"})
    assert verdict(laptop, captured.slug, NOON).allowed


def test_what_is_kept_out_is_one_restriction_however_much_it_is(mira, ceilings):
    slugs = [row.slug for row in ceilings[0].register.applications.captured()[:3]]

    for count in (1, 2, 3):
        choose_applications(employee=mira, by=mira, out=frozenset(slugs[:count]))

    (held,) = queries.restrictions_on(mira, at=NOON)
    assert set(held.applications) == set(slugs)


def test_what_the_register_does_not_list_is_not_kept_out(sign_in, mira, ceilings):
    with pytest.raises(ApplicationUnknown):
        choose_applications(employee=mira, by=mira, out=frozenset({"no-such-thing"}))

    response = sign_in(mira).post(reverse("preference-application"), {"application": ""})
    assert response.status_code == 422
    assert "The register does not list this application." in response.content.decode()


def test_a_search_for_what_no_text_holds_finds_nothing(sign_in, mira, ceilings):
    answer = sign_in(mira).get(reverse("preferences"), {"search": "zz\0zz"})

    assert answer.status_code == 200


def test_the_search_finds_what_could_be_kept_out(sign_in, mira, captured):
    client = sign_in(mira)

    page = client.get(reverse("preferences"), {"search": captured.name}).content.decode()
    nothing = client.get(reverse("preferences"), {"search": "zzzz"}).content.decode()

    assert f'value="{captured.slug}"' in page
    assert "Nothing that is collected from has this name" in nothing


# Reminders


def test_a_reminder_comes_once_and_again_after_an_extension(mira, laptop, frozen_time):
    save_preference(employee=mira, by=mira, wanted=WantedPreference(reminder_minutes=2))
    start_pause(employee=mira, by=mira, minutes=10)

    assert remind_of_ends() == 0
    frozen_time.shift(timedelta(minutes=8))
    assert (remind_of_ends(), remind_of_ends()) == (1, 0)
    extend_pause(employee=mira, by=mira, minutes=10)
    assert remind_of_ends() == 0
    frozen_time.shift(timedelta(minutes=9))
    assert (remind_of_ends(), remind_of_ends()) == (1, 0)

    told = Notification.objects.filter(recipient=mira, event="pause_ending").order_by("owed_at")
    assert [message.context["ends"] for message in told] == ["04:10", "04:18"]


def test_a_pause_no_longer_than_the_reminder_brings_none(mira, laptop, frozen_time):
    save_preference(employee=mira, by=mira, wanted=WantedPreference(reminder_minutes=5))
    start_pause(employee=mira, by=mira, minutes=5)

    frozen_time.shift(timedelta(minutes=1))

    assert remind_of_ends() == 0


def test_nobody_is_reminded_who_did_not_ask(mira, laptop, frozen_time):
    start_pause(employee=mira, by=mira, minutes=5)

    frozen_time.shift(timedelta(minutes=4))

    assert remind_of_ends() == 0


# Devices


def test_the_page_says_what_the_devices_confirmed(sign_in, mira, laptop, post_json):
    client = sign_in(mira)
    save_preference(employee=mira, by=mira, wanted=WantedPreference(denies_metered=True))
    waiting = client.get(reverse("preferences")).content.decode()

    post_json("acknowledgements", {"jws": laptop.acknowledgement()}, **laptop.authorization)

    assert "holds your preferences of now" not in waiting
    assert "holds your preferences of now" in client.get(reverse("preferences")).content.decode()


def test_somebody_without_a_device_chooses_ahead(sign_in, mira, ceilings, make_device):
    client = sign_in(mira)
    page = client.get(reverse("preferences")).content.decode()
    client.post(reverse("preferences"), CHOSEN)

    laptop = make_device(mira)

    assert "You have no device here yet." in page
    assert payload(laptop)["conditions"]["battery_below_percent"] == 30


def test_ending_a_quiet_time_twice_at_once_is_one_end(mira, laptop):
    quiet = add_quiet_time(employee=mira, by=mira, starts_at=time(4), minutes=5, weekdays=EVERY_DAY)
    version = laptop.newest().version

    end_quiet_time(quiet_time=quiet, by=mira)
    end_quiet_time(quiet_time=quiet, by=mira)

    assert laptop.newest().version == version + 1
