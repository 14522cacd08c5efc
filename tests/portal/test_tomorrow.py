"""My preferences as devices hold them: tomorrow drawn, and what each signed policy says."""

from datetime import time, timedelta

import pytest
from django.urls import reverse

from consent_app.devices.models import Device
from consent_app.restrictions.actions import (
    WantedPreference,
    add_quiet_time,
    choose_applications,
    save_preference,
)
from consent_app.restrictions.actions.narrowing import Narrowing, change_restrictions
from consent_app.restrictions.models import Restriction, Source
from tests.conftest import NOON

EVERY_DAY = frozenset(range(1, 8))
CHOSEN = {
    "default_minutes": "7",
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


def restrict(mira, *, applications=None, kinds=None, begins=0, ends=None) -> None:
    """Take something away as an exemption does, from and until so many hours after NOON."""
    wanted = Narrowing(
        source=Source.EXEMPTION,
        cause="exemption:1",
        starts_at=NOON + timedelta(hours=begins),
        ends_at=None if ends is None else NOON + timedelta(hours=ends),
        applications=applications and frozenset(applications),
        kinds=kinds and frozenset(kinds),
    )
    change_restrictions(employee=mira, by=mira, at=NOON, add=[wanted])


# Tomorrow


def test_tomorrow_is_drawn_from_what_the_device_holds(sign_in, mira, laptop, captured):
    add_quiet_time(employee=mira, by=mira, starts_at=time(12), minutes=30, weekdays=EVERY_DAY)
    choose_applications(employee=mira, by=mira, out=frozenset({captured.slug}))

    page = sign_in(mira).get(reverse("preferences")).content.decode()

    assert 'viewBox="0 0 1440 40"' in page
    assert '<rect data-tone="blue" x="720" y="0" width="30" height="40" />' in page
    assert f"Without {captured.name}, all day." in page


def test_a_minute_of_quiet_can_be_seen_and_lies_on_top(sign_in, mira, laptop):
    add_quiet_time(employee=mira, by=mira, starts_at=time(23, 58), minutes=1, weekdays=EVERY_DAY)

    (preview,) = sign_in(mira).get(reverse("preferences")).context["previews"]

    assert [(bar.state, bar.x, bar.width) for bar in preview.drawn][-2:] == [
        ("paused", 1438, 6),
        ("collecting", 1439, 6),
    ]
    assert [bar.state for bar in preview.bars] == ["collecting", "paused", "collecting"]


# Tuesday 24 November in Los Angeles begins at 08:00 in UTC, 20 hours after NOON.
TOMORROW = NOON + timedelta(hours=20)


@pytest.mark.parametrize(
    ("begins", "ends", "kinds", "said"),
    [
        (0, None, None, "Without {name}, all day."),
        (0, 48, None, "Without {name}, all day."),
        (0, 29, None, "Without {name}, until <time"),
        (29, None, None, "Without {name}, from <time"),
        (29, 30, None, "Without {name}, <time"),
        (0, None, {"keystrokes"}, "Without keystrokes in {name}, all day."),
    ],
)
def test_what_is_left_out_of_a_part_of_the_day_is_said_so(
    sign_in, mira, laptop, captured, begins, ends, kinds, said
):
    restrict(mira, applications={captured.slug}, kinds=kinds, begins=begins, ends=ends)

    page = sign_in(mira).get(reverse("preferences")).content.decode()

    assert said.format(name=captured.name) in page


@pytest.mark.parametrize(("begins", "ends"), [(0, 19), (0, 20), (44, None)])
def test_what_is_over_by_then_or_comes_later_is_not_said(
    sign_in, mira, laptop, captured, begins, ends
):
    restrict(mira, applications={captured.slug}, begins=begins, ends=ends)

    assert "Without" not in sign_in(mira).get(reverse("preferences")).content.decode()


def test_a_kind_that_is_left_out_everywhere_is_said_once(sign_in, mira, laptop, captured):
    restrict(mira, applications={captured.slug}, kinds={"keystrokes"})
    restrict(mira, kinds={"keystrokes"})

    page = sign_in(mira).get(reverse("preferences")).content.decode()

    assert page.count("Without ") == 1
    assert "Without keystrokes in any application, all day." in page


def test_an_application_that_is_stopped_for_all_is_left_out(sign_in, mira, laptop, captured):
    Restriction.objects.create(
        source=Source.PROGRAMME, applications=[captured.slug], starts_at=NOON, decided_at=NOON
    )

    page = sign_in(mira).get(reverse("preferences")).content.decode()

    assert f"Without {captured.name}, all day." in page


def test_a_day_on_which_the_clock_changes_is_as_long_as_it_is(sign_in, mira, laptop, frozen_time):
    frozen_time.move_to("2027-03-13T20:00:00Z")

    page = sign_in(mira).get(reverse("preferences")).content.decode()

    assert 'viewBox="0 0 1380 40"' in page
    # Of 23 hours 5 are over at six: the clock leaves one out.
    assert '<text x="21.739%" y="1em">06:00</text>' in page


# What the policy says


def test_the_page_reads_the_preferences_out_of_the_signed_policy(sign_in, mira, laptop, captured):
    client = sign_in(mira)
    assert "leaves nothing out for your preferences" in client.get("/preferences/").content.decode()

    client.post(reverse("preferences"), CHOSEN)
    client.post(reverse("preference-application"), {"application": captured.slug})
    client.post(
        reverse("quiet-time-add"), {"starts_at": "12:30", "minutes": "20", "weekdays": ["2", "4"]}
    )

    page = client.get(reverse("preferences"))
    (policy,) = page.context["policies"]
    assert policy.version == laptop.newest().version
    assert policy.sentences == [
        "Nothing on battery below 30 per cent.",
        "Nothing on metered networks.",
        "Nothing in private windows.",
        f"Nothing from {captured.name}.",
    ]
    assert policy.quiet.starts_at == TOMORROW + timedelta(hours=12, minutes=30)
    assert policy.quiet.ends_at == policy.quiet.starts_at + timedelta(minutes=20)
    assert (policy.quiet.further, policy.quiet.known_until) == (3, NOON + timedelta(days=14))
    for sentence in policy.sentences:
        assert sentence in page.content.decode()


def test_what_others_decided_is_no_preference(sign_in, mira, laptop, captured):
    restrict(mira, applications={captured.slug})

    (policy,) = sign_in(mira).get(reverse("preferences")).context["policies"]

    assert (policy.sentences, policy.quiet) == ([], None)


def test_each_quiet_time_says_when_it_is_next(sign_in, mira, laptop):
    add_quiet_time(employee=mira, by=mira, starts_at=time(12), minutes=5, weekdays=frozenset({3}))

    ((_, ahead),) = sign_in(mira).get(reverse("preferences")).context["quiet_times"]

    assert ahead.starts_at == TOMORROW + timedelta(days=1, hours=12)


def test_the_page_asks_often_only_while_a_device_is_likely_to_answer(
    sign_in, mira, laptop, post_json
):
    client = sign_in(mira)
    save_preference(employee=mira, by=mira, wanted=WantedPreference(denies_metered=True))
    away = client.get(reverse("preferences")).context["asks_every"]
    Device.objects.update(last_seen_at=NOON)
    near = client.get(reverse("preferences")).context["asks_every"]

    post_json("acknowledgements", {"jws": laptop.acknowledgement()}, **laptop.authorization)

    assert (away, near) == ("10s", "1s")
    assert client.get(reverse("preferences")).context["asks_every"] == ""
