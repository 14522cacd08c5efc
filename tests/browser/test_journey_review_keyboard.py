"""A reviewer clears twenty requests of several kinds without leaving the keyboard."""

from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from exemptions.models import Decision, ExemptionRequest, State, Verdict
from exemptions.sealed import decision_text
from portal.lib.keys import create_keys
from tests.exemption_fixtures import BATTERY, ORDINARY, PROTECTED

# What is done with each of the twenty, in the order of the queue.
PLAN = ["approve"] * 8 + ["decline"] * 3 + ["part"] + ["ask"] + ["approve"] * 7
KINDS = (ORDINARY, PROTECTED, BATTERY)
NO_MOUSE = """
for (const type of ["pointerdown", "mousedown", "touchstart"]) {
  addEventListener(type, () => sessionStorage.setItem("mouse", "yes"), true);
}
"""


@pytest.fixture
def keys(live_portal, settings):
    """The keys of the running portal, so that it can open what the test seals."""
    settings.KEYS_DIR = live_portal.folder / "keys"
    if not settings.KEYS_DIR.exists():
        create_keys(settings.KEYS_DIR)
    return settings.KEYS_DIR


@pytest.fixture
def twenty(make_request, make_employee, organisation) -> list[ExemptionRequest]:
    """Requests on three grounds of twenty people who report to Jonas."""
    sign_ceilings(by=system_user())
    people = [
        make_employee(f"Person {number:02}", line_manager=organisation.jonas)
        for number in range(len(PLAN))
    ]
    return [
        make_request(person, ground=KINDS[number % len(KINDS)])
        for number, person in enumerate(people)
    ]


def approve(page: Page) -> None:
    page.keyboard.press("a")
    page.keyboard.press("Enter")


def decline(page: Page) -> None:
    page.keyboard.press("d")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("It is not covered.")
    page.keyboard.press("Control+Enter")


def approve_in_part(page: Page) -> None:
    """Leave out one kind of data, say why, send."""
    page.keyboard.press("p")
    for _ in range(60):
        if page.evaluate("document.activeElement.name") == "kinds":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "part_text":
            break
    page.keyboard.type("The rest is needed for support.")
    page.keyboard.press("Control+Enter")


def ask(page: Page) -> None:
    page.keyboard.press("q")
    page.keyboard.type("Which work is it about?")
    page.keyboard.press("Control+Enter")


DO = {"approve": approve, "decline": decline, "part": approve_in_part, "ask": ask}


def test_twenty_requests_by_keyboard_alone(page, organisation, twenty, sign_in_browser):
    page.add_init_script(NO_MOUSE)
    sign_in_browser(page, organisation.jonas)
    page.goto("/review/")
    page.keyboard.press("j")
    page.keyboard.press("o")

    for number, what in enumerate(PLAN):
        page.wait_for_url("**/review/*-*/")
        here = page.url
        expect(page.get_by_role("heading", level=1)).to_contain_text("Request of Person")
        DO[what](page)
        page.wait_for_url(lambda url, here=here: url != here)
        expect(page.locator("#messages")).to_contain_text("You ", timeout=5_000)
        assert number < len(PLAN) - 1 or page.url.endswith("/review/")

    verdicts = Counter(Decision.objects.values_list("verdict", flat=True))
    assert verdicts == {Verdict.APPROVE: 15, Verdict.DECLINE: 3, Verdict.APPROVE_IN_PART: 1}
    declined = Decision.objects.filter(verdict=Verdict.DECLINE)
    assert {decision_text(row.request, row) for row in declined} == {"It is not covered."}
    assert {row.code for row in declined} == {"ground_not_met"}
    assert len(Decision.objects.get(verdict=Verdict.APPROVE_IN_PART).kinds) == 2
    assert ExemptionRequest.objects.filter(state=State.INFORMATION_REQUESTED).count() == 1
    assert page.evaluate("sessionStorage.getItem('mouse')") is None


def test_keys_move_between_cases_and_back_to_the_queue(page, organisation, twenty, sign_in_browser):
    sign_in_browser(page, organisation.jonas)
    page.goto("/review/")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url("**/review/*-*/")
    first = page.url

    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("k")
    page.wait_for_url(first)
    page.keyboard.press("u")
    page.wait_for_url("**/review/")


def test_preview_shows_what_the_requester_will_read(
    page, organisation, twenty, sign_in_browser, assert_well_made
):
    sign_in_browser(page, organisation.jonas)
    page.goto(f"/review/{twenty[0].pk}/")
    page.keyboard.press("d")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")

    page.keyboard.insert_text("Not <b>covered</b>\u202e.")

    preview = page.locator("#offer-decline [data-preview]")
    expect(preview).to_contain_text("Declined: What was described is not covered")
    expect(preview).to_contain_text("Not <b>covered</b>[U+202E].")
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)


def test_case_is_decided_without_javascript(
    page_without_javascript, organisation, twenty, sign_in_browser
):
    page = page_without_javascript
    sign_in_browser(page, organisation.jonas)
    page.goto(f"/review/{twenty[0].pk}/")

    page.locator("#offer-approve summary").click()
    page.locator("#offer-approve button").click()

    expect(page.locator("#messages")).to_contain_text("You approved the request of Person 00.")
    assert twenty[0].decisions.count() == 1
