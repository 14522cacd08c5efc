"""Jurisdictions come from the shipped file; where nothing is known, nothing is collected."""

import csv

import pytest
from django.core.management import CommandError, call_command

from consent_app.audit.models import Leaf
from consent_app.people.actions import load_jurisdictions
from consent_app.people.actions.jurisdictions import SHIPPED
from consent_app.people.errors import JurisdictionsRefused
from consent_app.people.models import NOWHERE, CollectionDefault, Jurisdiction
from consent_app.people.queries import jurisdiction_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def write_changed(tmp_path):
    """Return a function that writes the shipped file with cells of its first row changed."""

    def write(**cells: str):
        with SHIPPED.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        rows[0] |= cells
        path = tmp_path / "jurisdictions.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def test_loads_every_row_that_ships():
    load_jurisdictions()

    places = Jurisdiction.objects.exclude(code=NOWHERE)
    assert places.count() == len(SHIPPED.read_text(encoding="utf-8").splitlines()) - 1
    new_york = places.get(code="US-NY")
    assert new_york.collection_default == CollectionDefault.ALLOWED_WITH_NOTICE
    assert new_york.acknowledgement_required
    assert new_york.cohort == "us-ny"


def test_loading_again_changes_nothing():
    load_jurisdictions()
    size = Leaf.objects.count()

    assert load_jurisdictions() == []

    assert Leaf.objects.count() == size


def test_a_changed_rule_is_taken_over_and_logged(write_changed):
    load_jurisdictions()

    changed = load_jurisdictions(write_changed(collection_default="opt_in"))

    assert [row.code for row in changed] == ["AT"]
    assert Jurisdiction.objects.get(code="AT").collection_default == CollectionDefault.OPT_IN
    entry = Leaf.objects.select_related("details").order_by("-index")[0]
    assert (entry.event, entry.subject) == ("jurisdiction.changed", "jurisdiction:AT")
    assert entry.details.content == {"fields": ["collection_default"]}


@pytest.mark.parametrize(
    "cells",
    [
        {"code": "at"},
        {"code": "BE"},
        {"name": ""},
        {"regime": "x" * 81},
        {"collection_default": "always"},
        {"notice_required": "perhaps"},
        {"verified": ""},
        {"response_deadline_days": "0"},
        {"response_deadline_days": "many"},
        {"response_deadline_days": "²"},
    ],
)
def test_refuses_a_wrong_row_and_changes_nothing(write_changed, cells):
    with pytest.raises(JurisdictionsRefused) as caught:
        load_jurisdictions(write_changed(**cells))

    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].line in {2, 6}
    assert not Jurisdiction.objects.exists()
    assert not Leaf.objects.exists()


def test_the_command_names_file_and_line(write_changed, capsys):
    path = write_changed(code="?")

    with pytest.raises(CommandError, match=r"The file has 1 problem; nothing was changed\."):
        call_command("load_jurisdictions", path)

    assert f"{path}:2: '?' is no code like US or US-NY." in capsys.readouterr().err


def test_a_state_is_governed_by_its_own_row_else_by_its_country():
    load_jurisdictions()

    assert jurisdiction_for("us-ny").code == "US-NY"
    assert jurisdiction_for("US-FL").code == "US"


@pytest.mark.parametrize("code", ["XX", "XX-YY", "", "-", "U" * 400])
def test_nothing_is_in_scope_where_nothing_is_known(code):
    load_jurisdictions()

    unknown = jurisdiction_for(code)

    assert unknown.collection_default == CollectionDefault.NOT_IN_SCOPE
    assert not Jurisdiction.objects.filter(code=unknown.code).exists()
