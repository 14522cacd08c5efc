"""The page of routes: who reads it, what each may do on it, and what it says to whom comes late."""

import html

import pytest
from django.urls import reverse

from exemptions.actions import routes as actions
from exemptions.models import Route, RouteState
from exemptions.queries.routes import newest_route
from exemptions.rules import StepPlan
from tests.exemption_fixtures import ORDINARY, SENSITIVE

PAGE = "/routes/"
EDIT = f"/routes/{ORDINARY}/edit"
TWO_OF_LEGAL = StepPlan("legal_reviewer", people=2, target_days=9, grace_days=0, fallback="")


@pytest.fixture
def draft(grounds, organisation):
    return actions.save_route(
        ground=grounds[ORDINARY],
        by=organisation.owner,
        steps=[TWO_OF_LEGAL],
        protects_while_pending=False,
        appeal_reviewer="hr_reviewer",
        change_note="Two read <it>\u202e.\nNot one.",
        seen=newest_route(grounds[ORDINARY]).drafted_at,
    )


@pytest.fixture
def proposed(draft, organisation):
    return actions.propose_route(route=draft, by=organisation.owner, seen=draft.drafted_at)


def shown(answer):
    return html.unescape(answer.content.decode())


def seen(route):
    return {"seen": route.drafted_at.isoformat()}


def filled(grounds, **changed):
    """Return what the browser sends of the form: one step, three empty rows."""
    rows = {
        f"step_{number}_{part}": value
        for number in range(1, 5)
        for part, value in (
            ("reviewer", ""), ("people", "1"), ("target_days", ""), ("grace_days", ""),
            ("fallback", ""),
        )
    }  # fmt: skip
    first = {
        "step_1_reviewer": "hr_reviewer", "step_1_target_days": "4", "step_1_grace_days": "0",
        "step_1_fallback": "legal_reviewer",
    }  # fmt: skip
    rest = {"appeal_reviewer": "legal_reviewer", "change_note": "HR alone will do."}
    return rows | first | rest | seen(newest_route(grounds[ORDINARY])) | changed


# Reading


@pytest.mark.parametrize("who", ["owner", "auditor", "legal"])
def test_whoever_writes_approves_or_oversees_routes_reads_them(
    sign_in, proposed, organisation, who
):
    person = getattr(organisation, who)

    page = shown(sign_in(person[0] if isinstance(person, list) else person).get(PAGE))

    assert "The line manager decides within 3 business days." in page
    assert "Once that is over, HR may decide as well." in page
    assert "Waiting for legal" in page
    assert "<strong>two people of Legal</strong>" in page
    assert "keep the version they started with" in page


@pytest.mark.parametrize("who", ["mira", "jonas", "hr", "it"])
def test_for_others_there_is_nothing_to_read_or_do(sign_in, proposed, organisation, who):
    person = getattr(organisation, who)
    client = sign_in(person[0] if isinstance(person, list) else person)

    answers = [client.get(PAGE), client.get(EDIT), client.post(EDIT)]
    answers += [
        client.post(reverse(name, args=[proposed.pk]), seen(proposed))
        for name in ("route-propose", "route-approve", "route-return")
    ]

    assert [answer.status_code for answer in answers] == [403] * 6
    assert Route.objects.get(pk=proposed.pk).state == RouteState.PROPOSED


def test_what_people_wrote_is_shown_as_text(sign_in, draft, organisation):
    page = sign_in(organisation.owner).get(PAGE).content.decode()

    assert "Two read &lt;it&gt;[U+202E].<br>Not one." in page


def test_the_page_is_drawn_in_few_queries(
    client, sign_in, proposed, organisation, django_assert_max_num_queries
):
    sign_in(organisation.auditor).get(PAGE)

    with django_assert_max_num_queries(12):
        client.get(PAGE)


# Writing


def test_the_form_begins_with_what_is_in_force(sign_in, grounds, organisation):
    page = sign_in(organisation.owner).get(EDIT)

    form = page.context["form"]
    assert page.status_code == 200
    assert form["step_1_reviewer"].value() == "manager"
    assert form["step_2_target_days"].value() == 5
    assert form["change_note"].value() == ""


def test_the_owner_writes_a_version_and_rows_without_a_reviewer_are_no_steps(
    sign_in, grounds, organisation
):
    sent = filled(grounds, step_3_reviewer="legal_reviewer", step_3_target_days="2",
                  step_3_grace_days="1", step_4_target_days="7")  # fmt: skip

    answer = sign_in(organisation.owner).post(EDIT, sent)

    assert answer.status_code == 302
    draft = newest_route(grounds[ORDINARY])
    steps = draft.steps.values_list("position", "reviewer", "target_days")
    assert (draft.version, draft.state) == (2, RouteState.DRAFT)
    assert list(steps) == [(1, "hr_reviewer", 4), (2, "legal_reviewer", 2)]


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"step_1_target_days": "31"}, "step_1_target_days", "from 1 to 30"),
        ({"step_1_target_days": ""}, "step_1_target_days", "needs a number of days"),
        ({"step_1_grace_days": "-1"}, "step_1_grace_days", "from 0 to 10"),
        ({"step_1_people": "3"}, "step_1_people", "one person or two"),
        ({"step_1_reviewer": "auditor"}, "step_1_reviewer", "from the list"),
        ({"step_1_fallback": "manager"}, "step_1_fallback", "from the list"),
        ({"change_note": " "}, "change_note", "what changes and why"),
        ({"appeal_reviewer": "manager"}, "appeal_reviewer", "valid choice"),
        ({"step_1_fallback": "hr_reviewer"}, "__all__", "somebody else"),
        ({"step_1_reviewer": ""}, "__all__", "one to four steps"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field(
    sign_in, grounds, organisation, wrong, field, words
):
    answer = sign_in(organisation.owner).post(EDIT, filled(grounds, **wrong))

    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert words in shown(answer)
    assert newest_route(grounds[ORDINARY]).version == 1


def test_the_line_manager_can_not_be_chosen_on_confidential_grounds(sign_in, organisation, grounds):
    sent = filled(grounds, step_1_reviewer="manager")

    answer = sign_in(organisation.owner).post(f"/routes/{SENSITIVE}/edit", sent)

    assert answer.status_code == 422
    assert "step_1_reviewer" in answer.context["form"].errors


def test_whoever_saves_second_keeps_what_they_typed_and_is_told(
    sign_in, grounds, organisation, frozen_time
):
    sent = filled(grounds)
    frozen_time.shift(60)
    client = sign_in(organisation.owner)
    client.post(EDIT, sent)

    answer = client.post(EDIT, sent | {"change_note": "Mine."})

    assert answer.status_code == 409
    assert f"draft by {organisation.owner.name}" in shown(answer)
    assert "Mine." in shown(answer)


def test_a_version_that_legal_has_can_not_be_edited(sign_in, proposed, organisation):
    answer = sign_in(organisation.owner).get(EDIT)

    assert answer.status_code == 409
    assert "Legal has this version" in shown(answer)


# Proposing and deciding


def test_the_owner_proposes_a_draft(sign_in, draft, organisation):
    address = reverse("route-propose", args=[draft.pk])

    answer = sign_in(organisation.owner).post(address, seen(draft), follow=True)

    assert "Legal decides." in shown(answer)
    assert Route.objects.get(pk=draft.pk).state == RouteState.PROPOSED


def test_legal_approves_and_whoever_comes_second_is_told(sign_in, proposed, organisation):
    address = reverse("route-approve", args=[proposed.pk])

    first = sign_in(organisation.legal[0]).post(address, seen(proposed))
    second = sign_in(organisation.legal[1]).post(address, seen(proposed))

    assert (first.status_code, second.status_code) == (302, 409)
    assert "It is in force since" in shown(second)
    assert Route.objects.get(pk=proposed.pk).approved_by == organisation.legal[0]


def test_legal_sends_back_with_a_note(sign_in, proposed, organisation):
    address = reverse("route-return", args=[proposed.pk])
    client = sign_in(organisation.legal[0])

    without = client.post(address, seen(proposed) | {"note": " "})
    answer = client.post(address, seen(proposed) | {"note": "Nine days are many."}, follow=True)

    assert without.status_code == 422
    assert "Who wrote the version reads it." in shown(without)
    assert "Nine days are many." in shown(answer)
    assert Route.objects.get(pk=proposed.pk).state == RouteState.DRAFT


def test_who_wrote_it_finds_no_button_and_no_way_round_it(sign_in, proposed, organisation):
    approve = reverse("route-approve", args=[proposed.pk])
    client = sign_in(organisation.owner)

    page = shown(client.get(PAGE))
    answer = client.post(approve, seen(proposed))

    assert approve not in page
    assert "it will be somebody else" in page
    assert answer.status_code == 403


def test_an_answer_that_names_no_version_is_none(sign_in, proposed, organisation):
    answer = sign_in(organisation.legal[0]).post(reverse("route-approve", args=[proposed.pk]))

    assert answer.status_code == 400
