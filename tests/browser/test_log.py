"""The log and the stops as an auditor and the programme owner see them; stops as everybody does."""

import pytest
from playwright.sync_api import Page, expect

from consent_agent.protocol.history import check_growth, read_history, read_kept
from consent_agent.protocol.jws import KeySet
from consent_app.people.roles import Role
from consent_app.restrictions.actions import stop_programme
from portal.lib.keys import published_keys
from tests.exemption_fixtures import give_role


@pytest.fixture
def auditor(mira, make_employee):
    return give_role(make_employee("Katrin Vogel"), Role.AUDITOR)


def test_an_auditor_takes_proof_away_without_javascript(
    page_without_javascript: Page, auditor, sign_in_browser, tmp_path
):
    page = page_without_javascript
    sign_in_browser(page, auditor)
    page.goto("/programme/")
    page.get_by_role("link", name="The log").click()

    with page.expect_download() as keeping:
        page.get_by_role("link", name="Download the checkpoint of now").click()
    size = keeping.value.suggested_filename.split("-")[2]
    page.get_by_label("Entries in what you kept").fill(size)
    with page.expect_download() as proving:
        page.get_by_role("button", name="Download the proof").click()

    keeping.value.save_as(tmp_path / "kept")
    proving.value.save_as(tmp_path / "history")
    keys = KeySet.from_jwks(published_keys())
    kept = read_kept((tmp_path / "kept").read_bytes(), keys=keys)
    history = read_history((tmp_path / "history").read_bytes(), keys=keys)
    check_growth(kept, history)
    assert str(kept.size) == size


def test_the_log_is_well_made_also_when_it_refuses(
    page: Page, auditor, sign_in_browser, assert_well_made, problems
):
    problems.expected.add(422)
    sign_in_browser(page, auditor)

    page.goto("/programme/log/")
    assert_well_made(page)
    page.goto("/programme/log/?since=999999")

    expect(page.get_by_text("the log was cut off").first).to_be_visible()
    assert_well_made(page)


def test_stops_and_their_banner_are_well_made(
    page: Page, mira, make_employee, sign_in_browser, assert_well_made
):
    owner = give_role(make_employee("Tomás Herrera"), Role.PROGRAMME_OWNER)
    stop_programme(by=owner, reason="A look at the controls.")
    sign_in_browser(page, owner)

    page.goto("/programme/stops/")
    assert_well_made(page)
    page.goto("/my-records/")

    expect(page.get_by_text("A look at the controls.").first).to_be_visible()
    assert_well_made(page)
