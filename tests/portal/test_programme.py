"""The page "Programme": every place opens for whoever sees it, and says how it stands."""

import re

import pytest
from django.urls import reverse

from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions.drafts import start_draft
from consent_app.restrictions.actions import stop_programme


@pytest.fixture
def make_holder(make_employee, ceilings):
    def make(role: Role):
        person = make_employee(role.label)
        person.groups.add(ensure_roles()[role])
        return person

    return make


def places(client) -> list[str]:
    page = client.get(reverse("programme")).content.decode()
    return re.findall(r'<h2><a href="([^"]+)"', page)


@pytest.mark.parametrize("role", [Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR])
def test_every_place_opens_for_whoever_sees_it(sign_in, make_holder, role):
    client = sign_in(make_holder(role))

    found = places(client)

    assert len(found) >= 5
    assert {client.get(place).status_code for place in found} == {200}


def test_says_how_things_stand(sign_in, make_holder):
    owner = make_holder(Role.PROGRAMME_OWNER)
    client = sign_in(owner)
    before = client.get(reverse("programme")).content.decode()

    start_draft(by=owner)
    stop_programme(by=owner, reason="A look at the controls.")

    after = client.get(reverse("programme")).content.decode()
    assert "Nothing is stopped." in before
    assert "Version 1 is in force. Version 2: draft." in after
    assert "1 in force." in after


def test_says_that_ceilings_wait_for_the_key(sign_in, make_holder, publish):
    client = sign_in(make_holder(Role.PROGRAMME_OWNER))
    waiting = "The ceilings of version 2 wait to be signed"
    before = client.get(reverse("programme")).content.decode()

    publish()
    published = client.get(reverse("programme")).content.decode()
    sign_ceilings(by=system_user())
    signed = client.get(reverse("programme")).content.decode()

    assert waiting not in before
    assert waiting in published
    assert waiting not in signed


def test_nobody_else_has_it(sign_in, make_employee, make_holder):
    for person in (make_employee(), make_holder(Role.HR_REVIEWER)):
        assert sign_in(person).get(reverse("programme")).status_code == 403
