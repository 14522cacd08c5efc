"""A request with a real device: sent, seen to take effect, answered, withdrawn, seen to end."""

import re

import pytest
from playwright.sync_api import Page, expect

from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from exemptions.actions import conversation, decisions, submission
from exemptions.actions.routes import load_grounds
from exemptions.models import ExemptionRequest, Ground, Verdict
from tests.browser.agents import wait_until
from tests.exemption_fixtures import PROTECTED, fresh

CONFIRMED = re.compile(r"LAPTOP-1 confirmed it at \d\d:\d\d:\d\d\.")
END_CONFIRMED = re.compile(r"LAPTOP-1 confirmed the end of the protection at \d\d:\d\d:\d\d\.")


@pytest.fixture
def grounds(published_register) -> dict[str, Ground]:
    """The grounds, under the whole register that the portal serves."""
    load_grounds(by=system_user())
    return {ground.slug: ground for ground in Ground.objects.all()}


@pytest.fixture
def jonas(newcomer, make_employee) -> Employee:
    """Return the newcomer's line manager."""
    jonas = make_employee("Jonas Lindqvist")
    Employee.objects.filter(pk=newcomer.pk).update(line_manager=jonas)
    return jonas


@pytest.fixture
def draft(grounds, newcomer, jonas, make_draft) -> ExemptionRequest:
    return make_draft(Employee.objects.get(pk=newcomer.pk), ground=PROTECTED)


def effect(page: Page):
    return page.get_by_role("region", name="On my devices")


def heading(page: Page):
    return page.get_by_role("heading", level=1)


def test_from_sending_to_a_device_that_stopped_and_back(
    page, agent, newcomer, draft, sign_in_browser, assert_well_made
):
    assert agent.collects()
    sign_in_browser(page, newcomer)
    page.goto("/requests/")
    page.get_by_role("link", name="Privileged, confidential or regulated work").click()
    page.get_by_role("button", name=re.compile("^Send")).click()

    page.goto(f"/requests/{draft.pk}/")
    expect(heading(page)).to_contain_text("Jonas Lindqvist has until")
    expect(page.get_by_text("You are protected while it is decided")).to_be_visible()
    expect(effect(page)).to_contain_text(CONFIRMED)
    assert not agent.collects()
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)
    page.emulate_media(color_scheme="light")

    page.get_by_text("Withdraw this request…").click()
    expect(page.get_by_text("Your protection ends at once")).to_be_visible()
    assert_well_made(page)
    page.get_by_role("button", name="Withdraw it").click()
    expect(heading(page)).to_contain_text("You withdrew this request")
    expect(effect(page)).to_contain_text(END_CONFIRMED)
    wait_until(agent.collects, what="the device collects again")
    assert_well_made(page)


def test_the_confirmation_arrives_while_the_page_is_open(
    page, agent, newcomer, draft, sign_in_browser
):
    agent.fall_asleep()
    submission.submit_request(request=draft, by=draft.requester)
    sign_in_browser(page, newcomer)
    page.goto(f"/requests/{draft.pk}/")
    expect(effect(page)).to_contain_text("has not confirmed it yet; last heard from")

    agent.wake_up()

    expect(effect(page)).to_contain_text(CONFIRMED, timeout=60_000)


def test_a_question_is_answered_without_javascript(
    page_without_javascript, newcomer, draft, jonas, sign_in_browser, assert_fits
):
    page = page_without_javascript
    submission.submit_request(request=draft, by=draft.requester)
    conversation.ask_for_information(
        request=draft, by=jonas, seen=fresh(draft).version, text="Which matters?"
    )
    sign_in_browser(page, newcomer)
    page.goto("/requests/")
    expect(page.get_by_text("Waiting for your answer")).to_be_visible()

    page.get_by_role("link", name="Privileged, confidential or regulated work").click()
    page.get_by_label("Your answer").fill("All of the matters of one client.")
    page.get_by_role("button", name="Send the answer").click()

    expect(page.get_by_role("status")).to_contain_text("Your answer was sent.")
    expect(heading(page)).to_contain_text("Jonas Lindqvist has until")
    expect(page.get_by_role("article", name="Answer")).to_contain_text("one client")


def test_a_declined_request_is_appealed_and_a_bad_text_refused_beside_its_field(
    page, newcomer, draft, jonas, sign_in_browser, problems, assert_well_made
):
    problems.expected.add(422)
    submission.submit_request(request=draft, by=draft.requester)
    decisions.decide(
        request=draft, by=jonas, seen=fresh(draft).version, verdict=Verdict.DECLINE,
        code="work_needs_it", text="The claims desk needs it.",
    )  # fmt: skip
    sign_in_browser(page, newcomer)
    page.goto(f"/requests/{draft.pk}/")
    expect(page.get_by_role("article", name="Decision 1")).to_contain_text("The claims desk")

    page.get_by_text("Write an appeal").click()
    page.get_by_label("Why should the decision be another?").fill("   ")
    page.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_role("alert")).to_contain_text("Check this first")
    assert_well_made(page)
    page.get_by_label("Why should the decision be another?").fill("I left that desk in May.")
    page.get_by_role("button", name="Send the appeal").click()

    expect(heading(page)).to_contain_text("to decide on your appeal")
    assert_well_made(page)


def test_something_that_happens_meanwhile_is_announced_and_takes_no_words_away(
    page, newcomer, draft, jonas, sign_in_browser
):
    submission.submit_request(request=draft, by=draft.requester)
    sign_in_browser(page, newcomer)
    page.goto(f"/requests/{draft.pk}/")
    page.get_by_text("Add something").click()
    page.get_by_label("What do you want to add?").fill("One more thing.")

    conversation.write_message(
        request=draft, by=jonas, seen=fresh(draft).version, text="I have read it."
    )

    expect(page.get_by_text("Something happened since you opened this page.")).to_be_visible()
    expect(page.get_by_label("What do you want to add?")).to_have_value("One more thing.")
