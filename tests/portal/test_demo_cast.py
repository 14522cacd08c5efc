"""The page that signs a visitor in as anybody: there in the demo, on this machine, nowhere else."""

import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse

from consent_app.audit.models import Leaf
from consent_app.people.actions import import_directory, load_jurisdictions
from consent_app.people.models import Employee, Jurisdiction
from consent_app.people.queries import people_with_role, system_user
from consent_app.people.roles import Role
from exemptions.models import ExemptionRequest
from portal import checks
from portal.demo_data import CAST, DIRECTORY, EMPLOYEE
from tests.portal import demo_urls  # before any test sets DEMO: portal.urls looks at it once

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    settings.DEMO = True
    settings.ROOT_URLCONF = demo_urls.__name__


@pytest.fixture
def people(demo):
    load_jurisdictions()
    import_directory(DIRECTORY, complete=False, by=system_user())


# The cast page


def test_lists_the_cast_with_a_button_each(people, client):
    page = client.get("/demo/").content.decode()

    for part in CAST:
        assert f"{part.name}, {part.role}" in page
        assert f'value="{part.email}"' in page


@pytest.mark.parametrize("part", CAST, ids=lambda part: part.role)
def test_one_click_signs_in_as_each_of_them(people, client, part):
    response = client.post("/demo/sign-in", {"email": part.email})

    assert (response.status_code, response.url) == (302, "/")
    person = Employee.objects.get(email=part.email)
    assert client.session["_auth_user_id"] == str(person.pk)
    assert client.get("/").status_code == 200


def test_a_second_click_is_somebody_else_in_another_session(people, client):
    client.post("/demo/sign-in", {"email": CAST[0].email})
    before = client.session.session_key

    client.post("/demo/sign-in", {"email": CAST[1].email})

    assert client.session["_auth_user_id"] == str(Employee.objects.get(email=CAST[1].email).pk)
    assert client.session.session_key != before


def test_nobody_outside_the_cast_can_be_chosen(people, client):
    for email in ("helen.marsh@example.com", "nobody@example.com", "", "system@portal.invalid"):
        assert client.post("/demo/sign-in", {"email": email}).status_code == 404

    assert "_auth_user_id" not in client.session


def test_choosing_takes_a_post_with_its_token(people):
    strict = Client(enforce_csrf_checks=True)

    assert strict.get("/demo/sign-in").status_code == 405
    assert strict.post("/demo/sign-in", {"email": EMPLOYEE.email}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        {"REMOTE_ADDR": "192.168.1.20"},
        {"REMOTE_ADDR": "::ffff:10.0.0.1"},
        {"REMOTE_ADDR": ""},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Forwarded": "for=127.0.0.1"}},
    ],
)
def test_answers_this_machine_only(people, client, origin):
    assert client.get("/demo/", **origin).status_code == 404
    assert client.post("/demo/sign-in", {"email": EMPLOYEE.email}, **origin).status_code == 404
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_answers_this_machine_by_any_of_its_addresses(people, client, address):
    assert client.get("/demo/", REMOTE_ADDR=address).status_code == 200


def test_refuses_even_if_it_were_routed_outside_the_demo(demo, settings, client):
    settings.DEMO = False

    assert client.get("/demo/").status_code == 404
    assert client.post("/demo/sign-in", {"email": EMPLOYEE.email}).status_code == 404


def test_has_no_address_outside_the_demo(client):
    with pytest.raises(NoReverseMatch):
        reverse("demo-cast")
    assert client.get("/demo/").status_code in {302, 404}


def test_the_sign_in_page_leads_there_in_the_demo_only(demo, client, settings):
    assert b'href="/demo/"' in client.get("/account/login/").content

    settings.DEMO = False
    assert b"/demo/" not in client.get("/account/login/").content


# System checks


def test_the_demo_is_refused_on_an_address_that_others_reach(settings):
    settings.DEMO = True
    for host in ("127.0.0.1", "localhost", "::1"):
        settings.PORTAL_HOST = host
        assert checks.demo_stays_on_loopback() == []

    settings.PORTAL_HOST = "consent.example.com"

    assert [error.id for error in checks.demo_stays_on_loopback()] == ["portal.E001"]


def test_the_cast_page_is_refused_outside_the_demo(demo, settings):
    assert checks.cast_stays_in_the_demo() == []

    settings.DEMO = False

    assert [error.id for error in checks.cast_stays_in_the_demo()] == ["portal.E006"]


@pytest.mark.parametrize(
    ("mode", "origin", "status", "said"),
    [
        ("demo", "http://127.0.0.1:8000", 0, "no issues"),
        ("demo", "http://consent.example.com", 1, "portal.E001"),
        ("development", "http://127.0.0.1:8000", 0, "no issues"),
    ],
)
def test_manage_py_check_says_so(mode, origin, status, said):
    environment = os.environ | {"PORTAL_MODE": mode, "PORTAL_ORIGIN": origin}

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == status
    assert said in done.stdout + done.stderr


# The organisation


def test_sixty_people_in_five_places_with_one_head(people):
    people = Employee.objects.filter(is_active=True)

    assert people.count() == 60
    assert set(people.values_list("jurisdiction", flat=True)) == {
        "US-CA", "US-NY", "CA-QC", "DE", "GB",
    }  # fmt: skip
    assert people.filter(line_manager=None).count() == 1
    assert all(person.email.endswith("@example.com") for person in people)


def test_the_cast_is_who_it_says_it_is(people):
    roles = {part.role: Employee.objects.get(email=part.email) for part in CAST}

    assert all(person.name == part.name for part, person in zip(CAST, roles.values(), strict=True))
    assert roles["employee"].jurisdiction.collection_default == "allowed_with_notice"
    assert roles["employee"].line_manager == roles["her manager"]
    for role in Role:
        assert roles[role.label].roles == {role}


@pytest.mark.parametrize(
    ("role", "count"), [(Role.HR_REVIEWER, 2), (Role.LEGAL_REVIEWER, 3), (Role.IT_ADMINISTRATOR, 2)]
)
def test_enough_people_share_a_team_for_two_to_decide_and_another_to_hear_the_appeal(
    people, role, count
):
    assert people_with_role(role).count() == count


def test_a_portal_with_a_past_of_its_own_gets_no_invented_one(people, settings, tmp_path):
    settings.KEYS_DIR = tmp_path / "keys"
    assert Leaf.objects.exists()

    call_command("seed_demo", verbosity=0)

    assert not ExemptionRequest.objects.exists()


def test_seeding_is_refused_outside_the_demo():
    with pytest.raises(CommandError, match="This is not the demo"):
        call_command("seed_demo")

    assert not Employee.objects.exists()
    assert not Jurisdiction.objects.exists()
