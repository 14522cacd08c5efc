"""Somebody moves: their device takes nobody's word for it but theirs."""

import re

from django.core.management import call_command
from playwright.sync_api import expect

from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from tests.browser.agents import PASSWORD
from tests.consent_app.people.conftest import row, write_csv


def test_a_device_collects_nothing_elsewhere_until_its_owner_says_so_on_it(
    page, agent, newcomer, make_jurisdiction, sign_in_by_form, assert_well_made, tmp_path
):
    make_jurisdiction("US-NY", name="New York")
    sign_ceilings(by=system_user())
    heading = page.get_by_role("heading", level=1)
    sign_in_by_form(page, newcomer, PASSWORD)
    expect(heading).to_have_text("Your device is collecting.")
    fields = {name: getattr(newcomer, name) for name in ("name", "email", "time_zone", "locale")}

    moved = row(newcomer.employee_number, jurisdiction="US-NY", **fields)
    call_command("import_directory", write_csv(tmp_path / "people.csv", moved), verbosity=0)
    expect(heading).to_have_text("Nothing is collected from you.")
    laptop = page.get_by_role("article", name="LAPTOP-1")
    expect(laptop).to_contain_text("waits for you to say on it that you work in New York.")
    expect(laptop).to_contain_text(re.compile(r"Confirmed by LAPTOP-1 \d\d:\d\d:\d\d"))
    assert not agent.collects()
    assert_well_made(page)
    page.get_by_role("link", name=re.compile("Inbox")).click()
    expect(page.get_by_role("main")).to_contain_text("consent-agent moved us-ny")
    assert_well_made(page)

    page.get_by_role("link", name="Home").click()
    agent.call("moved", "us-ny", "--yes")
    expect(heading).to_have_text("Your device is collecting.")
    assert agent.collects()
