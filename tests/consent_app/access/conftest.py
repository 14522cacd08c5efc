"""A copy of somebody's data, made as a worker makes it, and what stands in it."""

import io
import json
from dataclasses import dataclass
from zipfile import ZipFile

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest

from consent_app.access import actions, queries
from consent_app.access.models import DataCopy


@dataclass
class Unpacked:
    """The ZIP as somebody finds it on their disk."""

    archive: ZipFile

    @property
    def page(self) -> str:
        return self.archive.read("my-data.html").decode()

    @property
    def paths(self) -> list[str]:
        return self.archive.namelist()

    def data(self, section: str) -> dict[str, list[dict]]:
        return json.loads(self.archive.read(f"data/{section}.json"))["tables"]


def unpacked(copy: DataCopy) -> Unpacked:
    return Unpacked(ZipFile(io.BytesIO(b"".join(queries.content_of(copy)))))


@pytest.fixture
def mira(keys, make_employee, frozen_time):
    return make_employee(time_zone="America/New_York")


@pytest.fixture
def make_copy():
    """Return a function that asks for a copy, lets a worker make it, and returns it."""

    def make(person) -> DataCopy:
        copy = actions.request_copy(employee=person, by=person)
        assert actions.prepare_copy(copy_id=copy.pk)
        copy.refresh_from_db()
        return copy

    return make


@pytest.fixture
def confirm_password(client):
    """Let somebody who is signed in confirm their password now."""

    def confirm(person) -> None:
        request = HttpRequest()
        request.session = client.session
        record_authentication(request, person, "password", reauthenticated=True)
        request.session.save()

    return confirm
