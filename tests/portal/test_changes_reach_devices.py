"""Who moved, left or works under another law is told so on their devices, by the same commands."""

import io
from datetime import time, timedelta

import pytest
from django.core.management import call_command

from consent_app.people.actions import load_jurisdictions
from consent_app.people.actions.jurisdictions import SHIPPED
from consent_app.people.models import Employee
from consent_app.restrictions.actions import add_quiet_time
from tests.conftest import NOON

HEADER = "employee_number,name,email,manager_number,jurisdiction,time_zone,locale\n"


@pytest.fixture
def enrolled(make_device, make_employee):
    load_jurisdictions()
    return make_device(make_employee(email="mira@example.com", employee_number="E1"))


@pytest.fixture
def take_over(tmp_path):
    """Import a directory of these lines."""

    def take_over(*lines, **options):
        path = tmp_path / "directory.csv"
        path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
        call_command("import_directory", path, stdout=io.StringIO(), **options)

    return take_over


def test_move_to_a_place_out_of_scope_ends_collection(enrolled, take_over):
    assert enrolled.newest().state == "collecting"

    take_over("E1,Mira Okafor,mira@example.com,,DE,Europe/Berlin,en")

    policy = enrolled.newest_document()
    assert (policy.cohort, policy.state) == ("de", "out_of_scope")
    assert policy.deny[0].applications is None


def test_leaving_ends_collection(enrolled, take_over):
    take_over("E2,Tom Berg,tom@example.com,,US-CA,UTC,en", complete=True)

    assert not Employee.objects.get(employee_number="E1").is_active
    assert enrolled.newest().state == "revoked"


def test_dry_run_tells_nobody_anything(enrolled, take_over):
    take_over("E1,Mira Okafor,mira@example.com,,DE,Europe/Berlin,en", dry_run=True)

    assert enrolled.newest().version == 1


def test_unchanged_person_keeps_the_policy(enrolled, take_over):
    take_over("E1,Mira Okafor,mira@example.com,,US-CA,UTC,en")

    assert enrolled.newest().version == 1


def test_another_manager_or_name_signs_nothing_anew(enrolled, take_over):
    take_over(
        "E1,Mira Okafor-Lind,mira@example.org,E2,US-CA,UTC,en",
        "E2,Jonas Lindqvist,jonas@example.com,,US-CA,UTC,en",
    )

    assert enrolled.newest().version == 1


def test_quiet_times_move_with_the_clock_on_the_wall(enrolled, take_over, frozen_time):
    mira = enrolled.device.employee
    add_quiet_time(
        employee=mira, by=mira, starts_at=time(13), minutes=30, weekdays=frozenset(range(1, 8))
    )
    before = enrolled.newest_document().deny[0].starts_at

    take_over("E1,Mira Okafor,mira@example.com,,US-CA,America/Los_Angeles,en")

    assert before == NOON + timedelta(hours=1)
    assert enrolled.newest_document().deny[0].starts_at == NOON + timedelta(hours=9)


def test_law_that_now_asks_for_consent_ends_collection(enrolled, tmp_path):
    path = tmp_path / "jurisdictions.csv"
    text = SHIPPED.read_text(encoding="utf-8")
    [line] = [line for line in text.splitlines() if line.startswith("US-CA,")]
    path.write_text(text.replace(line, line.replace("allowed_with_notice", "opt_in")))

    call_command("load_jurisdictions", path, stdout=io.StringIO())

    assert enrolled.newest().state == "opted_out"
