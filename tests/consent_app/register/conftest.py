"""A published register, signed rules for it, and devices that follow them."""

import csv
import shutil
from pathlib import Path

import pytest
import time_machine
from django.urls import reverse

from consent_app.devices.actions import sign_ceilings
from consent_app.devices.models import Device
from consent_app.people.queries import system_user
from consent_app.people.roles import Role, ensure_roles
from consent_app.register.actions import DATA, load_register
from consent_app.register.actions.drafts import start_draft
from consent_app.register.models import RegisterVersion
from tests import device_fixtures
from tests.beginnings import begin_with
from tests.device_fixtures import LONG_AGO

PORTAL_HOST = "consent.example.com"


def csv_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def published(db):
    """Publish the register that ships, and return its version."""

    def make() -> None:
        with time_machine.travel(LONG_AGO, tick=False):
            load_register(by=system_user(), portal_host=PORTAL_HOST)

    begin_with("whole register", make)
    return RegisterVersion.objects.get()


@pytest.fixture
def files(tmp_path) -> Path:
    """Return a folder with a copy of the files that ship, to be spoilt."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


@pytest.fixture
def sign_rules(published, keys):
    """Return a function that signs ceilings for every jurisdiction there is."""
    return lambda: sign_ceilings(by=system_user())


@pytest.fixture
def enrol(sign_rules):
    """Return a function that enrols one more device of a person."""

    def make(employee, hostname: str = "LAPTOP-1") -> Device:
        sign_rules()
        return device_fixtures.enrol(employee, hostname=hostname).device

    return make


@pytest.fixture
def mira(make_employee):
    return make_employee("Mira Okafor", time_zone="America/Los_Angeles")


@pytest.fixture
def owner(frozen_time, make_employee, ceilings):
    person = make_employee("Programme owner")
    person.groups.add(ensure_roles()[Role.PROGRAMME_OWNER])
    return person


@pytest.fixture
def draft(owner):
    return start_draft(by=owner)


@pytest.fixture
def client_of_owner(sign_in, owner):
    return sign_in(owner)


@pytest.fixture
def write(client_of_owner, draft):
    """Post to a page of the draft, as somebody who saw it as it is."""

    def write(name: str, data=None, *args):
        seen = RegisterVersion.objects.get(pk=draft.pk).drafted_at.isoformat()
        return client_of_owner.post(reverse(name, args=args), {"seen": seen} | (data or {}))

    return write
