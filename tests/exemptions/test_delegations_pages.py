"""The page on which reviewers say that they are away and who decides meanwhile."""

import html
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from consent_app.people.models import Employee
from exemptions.actions import delegations
from exemptions.models import Delegation

pytestmark = pytest.mark.usefixtures("frozen_time")

PAGE = "/review/away"
LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.fixture
def jonas(organisation):
    Employee.objects.filter(pk=organisation.jonas.pk).update(time_zone=LOS_ANGELES.key)
    return Employee.objects.get(pk=organisation.jonas.pk)


@pytest.fixture
def delegation(jonas, organisation):
    return delegations.start_delegation(
        person=jonas,
        by=jonas,
        delegate=organisation.it[0],
        starts_at=datetime(2026, 11, 24, tzinfo=LOS_ANGELES),
        ends_at=datetime(2026, 11, 28, tzinfo=LOS_ANGELES),
        reason="Leave\u202e",
    )


def filled(**changed):
    return {
        "first_day": "2026-11-24", "last_day": "2026-11-27", "who": "somebody",
        "name": "Samuel Adeyemi", "reason": "Leave",
    } | changed  # fmt: skip


def shown(answer):
    return html.unescape(answer.content.decode())


# Reading


def test_it_shows_what_is_mine_and_what_was_given_to_me(sign_in, delegation, jonas, organisation):
    mine = shown(sign_in(jonas).get(PAGE))
    given = shown(sign_in(organisation.it[0]).get(PAGE))

    assert "<bdi>Samuel Adeyemi</bdi> decides for me" in mine
    assert "Friday 27 November 2026" in mine
    assert "Leave[U+202E]" in mine
    assert "For <bdi>Jonas Lindqvist</bdi>" in given
    assert "When I decide for others" not in mine


def test_who_has_nothing_to_review_finds_no_page(sign_in, organisation):
    answer = sign_in(organisation.mira).get(PAGE)

    assert answer.status_code == 403


def test_who_was_named_finds_the_page_before_it_begins(sign_in, jonas, organisation):
    delegations.start_delegation(
        person=jonas, by=jonas, delegate=organisation.noor, reason="Leave",
        starts_at=datetime(2026, 11, 24, tzinfo=LOS_ANGELES),
        ends_at=datetime(2026, 11, 28, tzinfo=LOS_ANGELES),
    )  # fmt: skip

    assert sign_in(organisation.noor).get(PAGE).status_code == 200


def test_the_page_is_drawn_in_few_queries(
    sign_in, delegation, jonas, django_assert_max_num_queries
):
    client = sign_in(jonas)

    with django_assert_max_num_queries(15):
        client.get(PAGE)


# Being away


def test_days_are_those_of_the_person(sign_in, jonas, organisation):
    answer = sign_in(jonas).post(PAGE, filled(), follow=True)

    saved = Delegation.objects.get()
    assert saved.delegate == organisation.it[0]
    assert saved.starts_at == datetime(2026, 11, 24, tzinfo=LOS_ANGELES)
    assert saved.ends_at == datetime(2026, 11, 28, tzinfo=LOS_ANGELES)
    assert "Samuel Adeyemi decides while you are away." in shown(answer)


def test_nobody_can_be_named(sign_in, jonas):
    sign_in(jonas).post(PAGE, filled(who="nobody", name=""))

    assert Delegation.objects.get().delegate is None


def test_an_address_names_one_of_two_with_the_same_name(sign_in, jonas, make_employee):
    make_employee("Kim Lee")
    meant = make_employee("Kim Lee")

    sign_in(jonas).post(PAGE, filled(name=meant.email.upper()))

    assert Delegation.objects.get().delegate == meant


def test_part_of_a_name_asks_who_is_meant(sign_in, jonas, make_employee):
    make_employee("Kim Lee")
    meant = make_employee("Kim Leeson")
    client = sign_in(jonas)

    asked = client.post(PAGE, filled(name="kim"))
    client.post(PAGE, filled(name="kim", colleague=str(meant.pk)))

    assert asked.status_code == 422
    assert f"Kim Leeson, {meant.email}" in shown(asked)
    assert asked.context["form"].errors["colleague"] == ["Choose who is meant."]
    assert Delegation.objects.get().delegate == meant


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"first_day": ""}, "first_day", "Choose a day."),
        ({"first_day": "2026-11-22"}, "first_day", "This day is over."),
        ({"last_day": "2026-11-23"}, "last_day", "the first or a later one"),
        ({"last_day": "2027-03-01"}, "last_day", "at most 90 days"),
        ({"last_day": "9999-12-31"}, "last_day", "at most 90 days"),
        ({"first_day": "9999-12-31", "last_day": "9999-12-31"}, "last_day", "a year away"),
        ({"first_day": "0001-01-01"}, "first_day", "This day is over."),
        ({"name": ""}, "name", "Nobody was found"),
        ({"name": "S"}, "name", "Nobody was found"),
        ({"name": "Somebody Else"}, "name", "Nobody was found"),
        ({"name": "Jonas Lindqvist"}, "name", "Nobody was found"),
        ({"name": "%"}, "name", "Nobody was found"),
        ({"name": "x\x00y"}, "name", "Null characters"),
        ({"who": ""}, "who", "one of the two"),
        ({"reason": " "}, "reason", "Say why"),
        ({"reason": "x" * 201}, "reason", "200 characters"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(sign_in, jonas, organisation, wrong, field, words):
    answer = sign_in(jonas).post(PAGE, filled(**wrong))

    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert not Delegation.objects.exists()


def test_a_refusal_stands_beside_its_field(sign_in, delegation, jonas):
    answer = sign_in(jonas).post(PAGE, filled())

    assert answer.status_code == 422
    assert "End it first." in shown(answer)
    assert "first_day" in answer.context["form"].errors


# Who is found


def ask(client, name):
    return client.get(PAGE, {"name": name}, headers={"HX-Request": "true"})


def test_a_few_who_fit_are_found(sign_in, jonas, make_employee):
    for number in range(15):
        make_employee(f"Kim Lee {number:02}")

    answer = ask(sign_in(jonas), "lee")

    assert answer.content.decode().count("<option") == 10
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize(
    "name", ["", "k", " k ", "jonas", "gone", "%%", "example.com", "Kim\0Lee\0\0x"]
)
def test_others_are_not_found(sign_in, jonas, make_employee, name):
    make_employee("Kim Lee")
    make_employee("Gone Person", is_active=False)

    assert "<option" not in ask(sign_in(jonas), name).content.decode()


def test_nobody_gets_everybody_by_asking_often(sign_in, jonas):
    client = sign_in(jonas)

    answers = [ask(client, "le").status_code for _ in range(61)]

    assert answers == [200] * 60 + [429]


# Ending it


def test_it_can_be_ended_early(sign_in, delegation, jonas):
    answer = sign_in(jonas).post(reverse("review-away-end", args=[delegation.pk]), follow=True)

    assert "It is over." in shown(answer)
    delegation.refresh_from_db()
    assert delegation.ends_at == delegation.starts_at


def test_nobody_ends_it_for_somebody_else(sign_in, delegation, organisation):
    address = reverse("review-away-end", args=[delegation.pk])

    answer = sign_in(organisation.it[0]).post(address)

    assert answer.status_code == 404
    assert sign_in(organisation.it[0]).get(address).status_code == 405
