"""What is said to a notice reaches the devices at once; what is not said, in time."""

import csv
from datetime import timedelta

import pytest
from django.db import transaction

from consent_agent.protocol.decision import Reason
from consent_app.devices.actions import (
    keep_policies,
    refresh_policies,
    sign_ceilings,
    standing,
)
from consent_app.devices.actions.upkeep import SETTLED_AFTER
from consent_app.devices.models import DevicePolicy
from consent_app.devices.overview import summary_for
from consent_app.people.actions import load_jurisdictions
from consent_app.people.actions.jurisdictions import SHIPPED
from consent_app.people.queries import system_user
from consent_app.register.errors import NoChoiceHere, NoticeChanged
from consent_app.register.models import ConsentRecord, NoticeForm, NoticeRecord
from consent_app.register.queries import captured_applications, notice_in_force
from consent_app.restrictions.actions import start_pause
from portal.verdicts import outcome_for, standing_of
from tests.conftest import NOON
from tests.device_fixtures import enrol
from tests.notice_fixtures import ASKING, CHOOSING, digest_for, digest_to_choose_on, in_days

BROWSER = "Firefox on Linux"
KINDS = ["mouse_movement", "mouse_click", "keystrokes"]


@pytest.fixture
def dana(frozen_time, ceilings, make_jurisdiction, make_employee):
    make_jurisdiction("US-NY", **ASKING)
    return make_employee("Dana Ortiz", jurisdiction="US-NY", time_zone="America/New_York")


@pytest.fixture
def camille(frozen_time, ceilings, make_jurisdiction, make_employee):
    make_jurisdiction("CA-QC", **CHOOSING)
    return make_employee("Camille Tremblay", jurisdiction="CA-QC", time_zone="America/Toronto")


@pytest.fixture
def wilma(frozen_time, ceilings, make_jurisdiction, make_employee, publish):
    """Somebody whose notice comes each day."""
    make_jurisdiction("US-DE", **ASKING)
    publish(fields={"delaware": "daily"})
    return make_employee("Wilma Dean", jurisdiction="US-DE", time_zone="America/New_York")


def acknowledge(person, digest=None):
    standing.acknowledge_notice(
        employee=person, digest=digest or digest_for(person), browser=BROWSER
    )


def say(person, answer):
    standing.choose(employee=person, says_yes=answer == "yes", digest=digest_to_choose_on(person))


def verdict(person):
    """Return what the person's devices answer now about a listed application."""
    slug = captured_applications().first().slug
    return outcome_for(standing_of(person), slug, KINDS)


def state(person):
    """Return what the person's page shows of their device."""
    [view] = summary_for(person).devices
    return view.state


def policies(person):
    return DevicePolicy.objects.filter(device__employee=person).count()


# Said


def test_before_an_acknowledgement_nothing_is_collected(dana, make_device):
    make_device(dana)

    assert state(dana) == "unacknowledged"
    assert verdict(dana).reason == Reason.UNACKNOWLEDGED


def test_an_acknowledgement_signs_the_policy_of_every_device_at_once(dana, make_device):
    laptop, desktop = make_device(dana), make_device(dana, hostname="DESKTOP-7")

    acknowledge(dana)

    assert [device.newest_document().state for device in (laptop, desktop)] == ["collecting"] * 2
    assert verdict(dana).allowed


def test_acknowledging_twice_signs_once(dana, make_device):
    make_device(dana)
    acknowledge(dana)

    acknowledge(dana)

    assert policies(dana) == 2


def test_reading_signs_nothing(dana, make_device):
    make_device(dana)

    standing.confirm_reading(employee=dana, digest=digest_for(dana), browser=BROWSER)

    assert policies(dana) == 1
    assert state(dana) == "unacknowledged"


def test_a_refused_word_leaves_everything_as_it_was(dana, make_device):
    make_device(dana)

    with pytest.raises(NoticeChanged):
        acknowledge(dana, digest="sha256:" + "0" * 64)

    assert policies(dana) == 1
    assert not NoticeRecord.objects.exists()


def test_whoever_has_not_acknowledged_can_pause_all_the_same(dana, make_device):
    make_device(dana)

    pause = start_pause(employee=dana, by=dana, minutes=15, longest=30)

    assert pause.ends_at == NOON + timedelta(minutes=15)
    assert state(dana) == "unacknowledged"


def test_an_acknowledgement_ends_no_pause(dana, make_device):
    device = make_device(dana)
    start_pause(employee=dana, by=dana, minutes=15, longest=30)

    acknowledge(dana)

    assert device.newest_document().state == "paused"
    assert not verdict(dana).allowed


def test_a_yes_begins_and_a_no_ends_collection_in_the_same_step(camille, make_device):
    device = make_device(camille)
    assert state(camille) == "opted_out"

    say(camille, "yes")
    assert device.newest_document().state == "collecting"
    assert verdict(camille).allowed

    say(camille, "no")
    assert device.newest_document().state == "opted_out"
    assert not verdict(camille).allowed
    assert policies(camille) == 3


def test_a_no_that_changes_nothing_signs_nothing(camille, make_device):
    make_device(camille)

    say(camille, "no")

    assert policies(camille) == 1
    assert ConsentRecord.objects.get().choice == "refused"


def test_the_notice_of_the_day_allows_that_day_alone(wilma, make_device, frozen_time):
    device = make_device(wilma)
    assert state(wilma) == "unacknowledged"

    standing.serve_notice(employee=wilma, digest=digest_for(wilma), browser=BROWSER)

    assert device.newest_document().state == "collecting"
    assert verdict(wilma).allowed
    frozen_time.shift(timedelta(hours=17, seconds=-1))
    assert verdict(wilma).allowed
    frozen_time.shift(timedelta(seconds=1))  # midnight in New York
    assert verdict(wilma).reason == Reason.NOTICE
    assert state(wilma) == "unacknowledged"


# Every place


@pytest.mark.timeout(300)
def test_only_the_law_of_a_place_and_ones_own_word_allow(
    frozen_time, ceilings, make_employee, subtests
):
    """Every row of jurisdictions.csv, with every combination of what somebody can say."""
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    load_jurisdictions()
    people = {row["code"]: make_employee(row["code"], jurisdiction=row["code"]) for row in rows}
    sign_ceilings(by=system_user())

    for row in rows:
        person = people[row["code"]]
        device = enrol(person)
        must_acknowledge = row["acknowledgement_required"] == "true"
        default = row["collection_default"]
        with subtests.test(place=row["code"]):
            assert verdict(person).allowed == (
                default == "allowed_with_notice" and not must_acknowledge
            )
            acknowledge(person)
            assert verdict(person).allowed == (default == "allowed_with_notice")
            if default == "opt_in":
                say(person, "yes")
                assert verdict(person).allowed
                say(person, "no")
                assert not verdict(person).allowed
            else:
                with pytest.raises(NoChoiceHere):
                    standing.choose(employee=person, says_yes=True, digest=digest_for(person))
                force_a_yes(person)
                assert verdict(person).allowed == (default == "allowed_with_notice")
            if default == "not_in_scope":
                assert device.newest_document().state == "out_of_scope"


def force_a_yes(person):
    """Write what no action writes, and sign again: a place that is out of scope stays so."""
    notice = notice_in_force(NoticeForm.GENERAL, at=NOON)
    ConsentRecord.objects.create(employee=person, notice=notice, choice="given", at=NOON, record={})
    with transaction.atomic():
        refresh_policies(employees=[person], at=NOON)


# Not said in time


@pytest.fixture
def asked_again(dana, make_device, publish, frozen_time):
    """Dana acknowledged version 1; version 2 asks again in two days. Returns her device."""
    device = make_device(dana)
    acknowledge(dana)
    publish(limits="Other limits.", in_force_at=in_days(2))
    sign_ceilings(by=system_user())
    frozen_time.shift(SETTLED_AFTER)
    return device


def test_publishing_itself_signs_no_policy(dana, asked_again):
    assert policies(dana) == 2


def test_whoever_is_asked_again_is_told_ahead_from_when(dana, asked_again):
    keep_policies()

    told = asked_again.newest_document()
    [deny] = told.deny
    assert told.state == "collecting"
    assert (deny.source, deny.starts_at, deny.ends_at) == ("notice", NOON + timedelta(days=2), None)
    assert verdict(dana).allowed


def test_at_that_time_nothing_is_collected_any_more(dana, asked_again, frozen_time):
    keep_policies()

    frozen_time.shift(timedelta(days=2) - SETTLED_AFTER)

    assert state(dana) == "unacknowledged"
    assert verdict(dana).reason == Reason.NOTICE
    assert summary_for(dana).state != "collecting"


def test_an_acknowledgement_ahead_takes_the_end_away(dana, asked_again, frozen_time):
    keep_policies()

    acknowledge(dana)
    frozen_time.shift(timedelta(days=3))

    assert verdict(dana).allowed
    assert not asked_again.newest_document().deny


def test_an_acknowledgement_afterwards_begins_it_again(dana, asked_again, frozen_time):
    keep_policies()
    frozen_time.shift(timedelta(days=3))

    acknowledge(dana)

    assert verdict(dana).allowed


def test_a_yes_lapses_in_the_same_way(camille, make_device, publish, frozen_time):
    device = make_device(camille)
    say(camille, "yes")
    publish(limits="Other limits.", in_force_at=in_days(2))
    sign_ceilings(by=system_user())
    frozen_time.shift(SETTLED_AFTER)

    keep_policies()

    assert [deny.source for deny in device.newest_document().deny] == ["consent"]
    frozen_time.shift(timedelta(days=2))
    assert verdict(camille).reason == Reason.CONSENT
    assert state(camille) == "opted_out"


def test_keeping_policies_again_signs_nothing(dana, asked_again):
    assert keep_policies() == 1

    assert keep_policies() == 0
    assert policies(dana) == 3


def test_a_policy_signed_while_a_version_was_published_is_signed_again(
    dana, make_device, publish, frozen_time
):
    """Its transaction may have begun before: it knows nothing of the version."""
    make_device(dana)
    publish(limits="Other limits.", in_force_at=in_days(2))
    frozen_time.shift(timedelta(seconds=1))
    acknowledge(dana)
    assert keep_policies() == 0

    frozen_time.shift(SETTLED_AFTER)

    assert keep_policies() == 1


def test_a_version_that_asks_nobody_there_signs_nothing(dana, make_device, publish, frozen_time):
    make_device(dana)
    acknowledge(dana)
    publish(fields={"connecticut": "Keys, clicks and movement."}, in_force_at=in_days(2))

    frozen_time.shift(SETTLED_AFTER)

    assert keep_policies() == 0


def test_nobody_is_signed_anew_where_nothing_is_asked(
    make_employee, make_device, publish, frozen_time
):
    make_device(make_employee())
    publish(limits="Other limits.", in_force_at=in_days(2))

    frozen_time.shift(SETTLED_AFTER)

    assert keep_policies() == 0


def test_many_are_kept_in_several_runs(dana, asked_again, make_employee, make_device, monkeypatch):
    monkeypatch.setattr("consent_app.devices.actions.upkeep.PEOPLE_AT_ONCE", 1)
    noor = make_employee("Noor Haddad", jurisdiction="US-NY")
    make_device(noor)
    DevicePolicy.objects.filter(device__employee=noor).update(requested_at=NOON)

    assert [keep_policies() for _ in range(3)] == [1, 1, 0]


def test_a_run_ends_before_its_time_is_over(asked_again, monkeypatch):
    monkeypatch.setattr("consent_app.devices.actions.upkeep.LONGEST_RUN_SECONDS", 0)

    assert keep_policies() == 0
