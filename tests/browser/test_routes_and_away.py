"""Routes and being away: accessible, no wider than a phone, and whole without JavaScript."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consent_app.people.queries import system_user
from exemptions.actions import delegations
from exemptions.actions import routes as actions
from exemptions.actions.routes import load_grounds
from exemptions.models import Delegation, Ground, RouteState
from exemptions.queries.routes import newest_route
from exemptions.rules import StepPlan
from tests.exemption_fixtures import BATTERY, ORDINARY, SENSITIVE

HR_ALONE = StepPlan("hr_reviewer", people=2, target_days=4, grace_days=0, fallback="legal_reviewer")


@pytest.fixture
def all_grounds(published_register):
    load_grounds(by=system_user())
    return {ground.slug: ground for ground in Ground.objects.all()}


@pytest.fixture
def draft(all_grounds, organisation):
    def draft(ground):
        return actions.save_route(
            ground=all_grounds[ground], by=organisation.owner, steps=[HR_ALONE],
            protects_while_pending=True, appeal_reviewer="legal_reviewer",
            change_note="Managers need not read these.\nTwo of HR will do.",
            seen=newest_route(all_grounds[ground]).drafted_at,
        )  # fmt: skip

    return draft


@pytest.fixture
def routes_at_work(draft, organisation):
    """Let one version be in force, one be proposed and one have come back from legal."""
    legal = organisation.legal[0]
    approved, proposed, returned = draft(SENSITIVE), draft(ORDINARY), draft(BATTERY)
    for route in (approved, proposed, returned):
        actions.propose_route(route=route, by=organisation.owner, seen=route.drafted_at)
    actions.approve_route(route=approved, by=legal, seen=approved.drafted_at)
    actions.return_route(
        route=returned, by=legal, seen=returned.drafted_at, note="IT has to see these."
    )
    return proposed


@pytest.fixture
def away(organisation):
    """Let Jonas be away soon and once before, and stand in for somebody."""
    jonas, now = organisation.jonas, timezone.now()
    for person, delegate, first, last in (
        (jonas, organisation.it[0], 5, 9),
        (organisation.hr[0], jonas, 0, 3),
    ):
        delegations.start_delegation(
            person=person, by=person, delegate=delegate, reason="Leave",
            starts_at=now + timedelta(days=first), ends_at=now + timedelta(days=last),
        )  # fmt: skip
    Delegation.objects.create(
        person=jonas, starts_at=now - timedelta(days=9), ends_at=now - timedelta(days=8),
        reason="A day off", made_at=now,
    )  # fmt: skip
    return jonas


@pytest.mark.parametrize("who", ["owner", "legal", "auditor"])
def test_routes_are_well_made(
    page, sign_in_browser, organisation, routes_at_work, assert_well_made, who
):
    person = getattr(organisation, who)
    sign_in_browser(page, person[0] if isinstance(person, list) else person)

    page.goto("/routes/")
    for closed in page.locator("details:not(.account) > summary").all():
        closed.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Routes of requests")
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)


def test_the_form_of_a_route_is_well_made_also_with_errors(
    page, sign_in_browser, organisation, routes_at_work, assert_well_made, problems
):
    problems.expected.add(422)
    sign_in_browser(page, organisation.owner)

    page.goto(f"/routes/{BATTERY}/edit")
    assert_well_made(page)
    page.get_by_label("Business days to decide").first.evaluate(
        "field => field.removeAttribute('max')"
    )
    page.get_by_label("Business days to decide").first.fill("99")
    page.get_by_role("button", name="Save the draft").click()

    expect(page.get_by_role("alert")).to_contain_text("Step 1: a whole number from 1 to 30.")
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)


def test_a_route_is_changed_and_approved_without_javascript(
    page_without_javascript, sign_in_browser, organisation, all_grounds
):
    page = page_without_javascript
    sign_in_browser(page, organisation.owner)
    page.goto(f"/routes/{ORDINARY}/edit")
    page.get_by_label("Who decides").nth(1).select_option("")
    page.get_by_label("What changes, and why").fill("The line manager is enough.")
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Propose to legal").click()

    page.context.clear_cookies()
    sign_in_browser(page, organisation.legal[0])
    page.goto("/routes/")
    page.get_by_role("button", name="Approve version 2").click()

    expect(page.locator("#messages")).to_contain_text(
        "In force: Objection to AI training, version 2"
    )
    route = newest_route(all_grounds[ORDINARY])
    assert (route.state, route.steps.count()) == (RouteState.IN_FORCE, 1)


def test_being_away_is_well_made(
    page, sign_in_browser, away, all_grounds, assert_well_made, problems
):
    problems.expected.add(422)
    sign_in_browser(page, away)

    page.goto("/review/away")
    page.get_by_text("Earlier ones").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Away from review")
    assert_well_made(page)
    page.get_by_label("First day").fill("2020-01-01")
    page.get_by_label("Last day").fill("2020-01-02")
    page.get_by_label("Their name or e-mail").fill("or")
    page.get_by_label("Why, in a few words").fill("Leave")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("This day is over.")
    expect(page.get_by_role("group", name="Who is meant")).to_be_visible()
    assert_well_made(page)
    page.emulate_media(color_scheme="dark")
    assert_well_made(page)


def test_names_are_offered_while_one_types(page, sign_in_browser, away, all_grounds):
    sign_in_browser(page, away)
    page.goto("/review/away")

    page.get_by_label("Their name or e-mail").press_sequentially("dana")

    expect(page.locator("#found-people option")).to_have_text(["Dana Ortiz"])


def test_a_delegate_is_chosen_without_javascript(
    page_without_javascript, sign_in_browser, away, all_grounds, problems, organisation
):
    problems.expected.add(422)
    page = page_without_javascript
    sign_in_browser(page, away)
    page.goto("/review/away")
    page.get_by_label("First day").fill((timezone.now() + timedelta(days=20)).date().isoformat())
    page.get_by_label("Last day").fill((timezone.now() + timedelta(days=22)).date().isoformat())
    page.get_by_label("Their name or e-mail").fill("hugo")
    page.get_by_label("Why, in a few words").fill("Leave")
    page.get_by_role("button", name="Save").click()

    page.get_by_label("Hugo Brandt").check()
    page.get_by_role("button", name="Save").click()

    expect(page.locator("#messages")).to_contain_text("Hugo Brandt decides while you are away.")
    assert Delegation.objects.filter(person=away, delegate=organisation.hr[1]).exists()
