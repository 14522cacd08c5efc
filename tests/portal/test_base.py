"""The pieces that every page shares: states, times, forms, navigation."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import Context, Template
from django.utils import timezone
from pytest_django.asserts import assertContains, assertInHTML, assertNotContains

from portal.templatetags import portal_ui
from tests.conftest import NOON


def render(source: str, **context: object) -> str:
    return Template("{% load portal_ui %}" + source).render(Context(context))


@pytest.mark.parametrize("state", portal_ui.STATES)
def test_a_state_is_an_icon_and_a_word(state):
    shown = render("{% state_badge state %}", state=state)

    assert portal_ui.STATES[state].word in shown
    assert '<svg class="icon"' in shown


def test_a_state_without_a_look_is_a_fault_and_not_a_blank():
    with pytest.raises(KeyError):
        render("{% state_badge 'unheard_of' %}")


def test_a_time_is_shown_in_the_readers_zone_with_the_exact_one_beside_it():
    at = datetime(2026, 11, 23, 10, 2, 3, 456_789, tzinfo=UTC)

    with timezone.override(ZoneInfo("America/Los_Angeles")):
        shown = render("{% time at 'precise' %}", at=at)

    assertInHTML(
        '<time datetime="2026-11-23T10:02:03.456+00:00" '
        'title="Monday 23 November 2026, 02:02:03 PST">02:02:03.4</time>',
        shown,
    )


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "13:00<"), (23, "11:00<"), (36, "Wednesday 25 November 2026, 00:00<")]
)
def test_an_end_that_is_not_near_is_told_with_its_day(frozen_time, hours, words):
    with timezone.override(UTC):
        shown = render("{% time at 'until' %}", at=NOON + timedelta(hours=hours))

    assert words in shown


@pytest.mark.parametrize(
    ("zone", "name"), [("Europe/Berlin", "CET"), ("America/Sao_Paulo", "UTC-03:00"), ("UTC", "UTC")]
)
def test_a_zone_is_named_even_when_it_has_no_letters(zone, name):
    with timezone.override(ZoneInfo(zone)):
        shown = render("{% time at %}", at=NOON)

    assert name in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"), (-9, "just now"), (-40, "40 seconds ago"), (-60, "1 minute ago"),
        (-14 * 60, "14 minutes ago"), (-7_200, "2 hours ago"), (-90_000, "1 day ago"),
        (5, "in a moment"), (90, "in 1 minute"), (3 * 86_400, "in 3 days"),
    ],
)  # fmt: skip
def test_how_far_a_time_is_away_is_said_in_words(frozen_time, seconds, words):
    shown = portal_ui.relative_time(NOON + timedelta(seconds=seconds))

    assert shown == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (14 * 60, "14 minutes left"), (61, "1 minute left"), (59, "59 seconds left"),
        (1, "1 second left"), (0, "0 seconds left"), (-5, "0 seconds left"),
    ],
)  # fmt: skip
def test_the_time_left_is_never_negative(frozen_time, seconds, words):
    assert portal_ui.time_left(NOON + timedelta(seconds=seconds)) == words


def test_a_countdown_tells_the_script_when_it_ends(frozen_time):
    shown = render("{% countdown until %}", until=NOON + timedelta(minutes=14))

    assert 'data-countdown-until="2026-11-23T12:14:00.000+00:00"' in shown
    assert "14 minutes left" in shown


@pytest.mark.parametrize("code", ["K7QD2MXA", "K7QD-2MXA"])
def test_a_code_is_read_in_groups_of_four(code):
    assert portal_ui.groups_of_four(code) == ["K7QD", "2MXA"]


def test_a_name_with_a_hyphen_is_kept_on_one_line():
    shown = portal_ui.whole_names("Paused on LAPTOP-1. <b>PC</b> follows.")

    assert shown == (
        'Paused on <span class="whole">LAPTOP-1.</span> &lt;b&gt;PC&lt;/b&gt; follows.'
    )


class MinutesForm(forms.Form):
    minutes = forms.IntegerField(label="Minutes", help_text="At most 30.", max_value=30)


def test_a_wrong_answer_is_told_on_top_and_beside_its_field():
    shown = str(MinutesForm({"minutes": "31"}))

    assert '<a href="#id_minutes">Minutes' in shown
    assert 'aria-invalid="true"' in shown
    assert 'aria-describedby="id_minutes_helptext id_minutes_error"' in shown
    assert 'id="id_minutes_error"' in shown


def test_a_form_without_answers_has_no_summary():
    assert "error-summary" not in str(MinutesForm())


def test_what_people_typed_is_shown_inert():
    shown = str(MinutesForm({"minutes": '"><script>alert(1)</script>'}))

    assert "<script>" not in shown


def test_a_page_shows_its_reader_the_way_out(sign_in, make_employee):
    response = sign_in(make_employee("Mira Okafor")).get("/what-is-collected/try")

    assertContains(response, "Mira Okafor", status_code=response.status_code)
    assertContains(response, "Sign out", status_code=response.status_code)


@pytest.mark.django_db
def test_a_visitor_sees_no_sections(client):
    response = client.get("/nowhere")

    assertNotContains(response, 'aria-label="Sections"', status_code=404)


@pytest.mark.django_db
def test_no_page_needs_inline_script_or_style(client):
    page = client.get("/nowhere").content.decode()

    assert " style=" not in page
    assert " onclick=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=")
