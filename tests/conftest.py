"""Fixtures for every test. `make_…` fixtures have defaults, so a test states what matters."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection

from consent_app.people.models import CollectionDefault, Employee, Jurisdiction
from portal.lib.keys import create_keys
from tests.device_fixtures import (  # noqa: F401 (fixtures)
    ceilings,
    make_device,
    make_key,
    post_json,
    register_folder,
)
from tests.exemption_fixtures import (  # noqa: F401 (fixtures)
    decide_all,
    grounds,
    laptop,
    make_draft,
    make_request,
    organisation,
)
from tests.flushing import empty_quickly
from tests.notice_fixtures import publish  # noqa: F401 (fixture)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def frozen_time():
    """Stop the clock at NOON; `frozen_time.shift(60)` moves it on."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Let whatever commits leave an empty database behind without making all its tables anew."""
    empty_quickly(connection)


@pytest.fixture
def make_jurisdiction(db):
    def make(code: str = "US-CA", **fields):
        defaults = {
            "name": code,
            "regime": "test",
            "collection_default": CollectionDefault.ALLOWED_WITH_NOTICE,
            "notice_required": True,
            "acknowledgement_required": False,
            "protects_indirect": False,
            "verified": True,
        }
        return Jurisdiction.objects.get_or_create(code=code, defaults=defaults | fields)[0]

    return make


@pytest.fixture
def make_employee(make_jurisdiction) -> Callable:
    count = 0

    def make(name: str = "Mira Okafor", *, jurisdiction: str = "US-CA", **fields):
        nonlocal count
        count += 1
        fields.setdefault("email", f"person{count}@example.com")
        fields.setdefault("employee_number", f"E{count:04}")
        return Employee.objects.create(
            name=name, jurisdiction=make_jurisdiction(jurisdiction), **fields
        )

    return make


@pytest.fixture
def sign_in(client):
    """Return the test client, signed in as the given person."""

    def sign(employee):
        client.force_login(employee, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign


@pytest.fixture
def keys(tmp_path_factory, settings):
    """Fresh signing keys in a folder of their own."""
    settings.KEYS_DIR = tmp_path_factory.mktemp("keys")
    create_keys(settings.KEYS_DIR)
    return settings.KEYS_DIR
