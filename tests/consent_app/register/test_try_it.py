"""The page "Try it": the verdict for me, now, and its rule. It answers whatever is typed."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from consent_app.people.models import CollectionDefault
from consent_app.restrictions.actions import start_pause
from consent_app.restrictions.models import Restriction, Source

TRY = "/what-is-collected/try"

HOSTILE = [
    "javascript:alert(document.cookie)",
    "javascript://slack.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% load static %}",
    "https://user:pass@slack.com/",
    "user:pass@slack.com",
    "https://slack.com.",
    "slack.com:8443/x",
    "https://slack.com:99999999999/",
    "[::1]:8000",
    "http://[::1]:8000/",
    "http://[fe80::1%25eth0]/",
    "https://\uff53\uff4cack.com/",
    "https://bücher.example/",
    "https://xn--/",
    "https://" + "a." * 900,
    "\u202emoc.kcals//:sptth",
    "sl\u200back.com",
    "a\tb\nc",
    "https://slack.com\\@bank.example/",
    "\U0001f600",
    "%00%ff%fe",
    "../../etc/passwd",
    "' OR 1=1 --",
    "=HYPERLINK(1)",
    "-" * 2000,
    "a - " * 500,
    "P<" + "<" * 2000,
    "https://" + "/" * 2000,
]


@pytest.fixture
def ask(enrol, mira, sign_in):
    """Return a function that asks as Mira, who has one device, and returns the verdict's text."""
    enrol(mira)
    client = sign_in(mira)

    def ask(text: str) -> str:
        response = client.post(TRY, {"text": text})
        assert response.status_code == 200
        return verdict_in(response)

    return ask


def test_an_address_that_is_collected(ask):
    said = ask("https://app.slack.com/client/T1")

    assert "Collected Mouse movement, mouse clicks and keystrokes. Slack is in the register" in said
    assert "The rule: register entry slack, version 1." in said


def test_an_address_that_is_excluded(ask):
    said = ask("https://acme.bamboohr.com/home")

    assert "Not collected" in said
    assert "BambooHR is excluded: HR records" in said
    assert "The rule: register entry bamboohr, version 1." in said


@pytest.mark.parametrize("text", ["BambooHR", "bamboohr", "bamboohr.com", "  acme.bamboohr.com/x "])
def test_names_and_bare_hosts_are_understood(ask, text):
    assert "BambooHR is excluded" in ask(text)


@pytest.mark.parametrize("text", ["Slack.exe", "com.tinyspeck.slackmacgap", "Slack", "slack.com"])
def test_programs_are_understood(ask, text):
    assert "Slack is in the register" in ask(text)


def test_what_is_not_listed_is_not_collected(ask):
    said = ask("https://nowhere.example/")

    assert "It is not in the register, and what is not listed is not collected." in said


def test_the_portal_itself_is_excluded(ask):
    assert "Consent Portal is excluded" in ask("https://consent.example.com/requests/")


def test_a_safeguard_decides_for_an_address(ask):
    said = ask("https://www.linkedin.com/jobs/view/1")

    assert "It is protected in every application: Job search and private messages" in said
    assert "The rule: safeguard url-linkedin-jobs, version 1." in said


def test_a_safeguard_decides_for_a_title_in_an_application(ask):
    said = ask("Grievance form - Slack")

    assert "It is protected in every application: HR case documents." in said
    assert "The rule: safeguard title-hr-case, version 1." in said


def test_a_safeguard_decides_for_a_title_alone(ask):
    assert "HR case documents" in ask("Grievance form")


def test_a_title_of_a_captured_application_is_collected(ask):
    assert "Slack is in the register" in ask("Team lunch - Slack")


def test_a_title_alone_says_what_to_do(ask):
    assert "For a window, end with the application's name as listed" in ask("Team lunch")


def test_a_pause_shows_until_when_and_what_comes_then(frozen_time, ask, mira):
    start_pause(employee=mira, by=mira, minutes=15)

    said = ask("slack.com")

    assert "Not collected Until Monday 23 November 2026, 04:15 PST. You paused collection." in said
    assert "After that it is collected again." in said


def test_after_the_pause_it_is_collected_again(frozen_time, ask, mira):
    start_pause(employee=mira, by=mira, minutes=15)
    frozen_time.shift(timedelta(minutes=15))

    assert "Slack is in the register" in ask("slack.com")


def test_a_pause_never_promises_an_excluded_application_back(frozen_time, ask, mira):
    start_pause(employee=mira, by=mira, minutes=15)

    said = ask("bamboohr.com")

    assert "BambooHR is excluded" in said
    assert "again" not in said


def test_a_stop_for_everybody_counts(ask):
    now = timezone.now()
    Restriction.objects.create(
        applications=["slack"], starts_at=now, decided_at=now, source=Source.PROGRAMME
    )

    assert "Not collected The programme has stopped it." in ask("slack.com")
    assert "Asana is in the register" in ask("asana.com")


def test_devices_with_different_verdicts_stand_apart(enrol, mira, sign_in):
    enrol(mira, "LAPTOP-1")
    phone = enrol(mira, "LAPTOP-2")
    start_pause(employee=mira, by=mira, minutes=15, device=phone.pk)

    said = verdict_in(sign_in(mira).post(TRY, {"text": "slack.com"}))

    assert re.search(r"LAPTOP-1 Collected .* LAPTOP-2 Not collected Until", said)


def test_devices_with_the_same_verdict_stand_together(enrol, mira, sign_in):
    enrol(mira, "LAPTOP-1")
    enrol(mira, "LAPTOP-2")

    said = verdict_in(sign_in(mira).post(TRY, {"text": "slack.com"}))

    assert said.count("Collected") == 1


def test_without_a_device_the_register_answers(sign_rules, mira, sign_in):
    sign_rules()

    said = verdict_in(sign_in(mira).post(TRY, {"text": "slack.com"}))

    assert "You have no device enrolled, so nothing is collected from you." in said
    assert "Slack is in the register" in said


def test_where_nothing_is_in_scope_nothing_is_collected(sign_rules, make_employee, sign_in):
    person = make_employee(jurisdiction="DE")
    person.jurisdiction.collection_default = CollectionDefault.NOT_IN_SCOPE
    person.jurisdiction.save()
    sign_rules()

    said = verdict_in(sign_in(person).post(TRY, {"text": "slack.com"}))

    assert "Nothing is collected where you work." in said


@pytest.mark.usefixtures("published")
def test_without_signed_rules_nothing_is_collected(mira, sign_in):
    said = verdict_in(sign_in(mira).post(TRY, {"text": "slack.com"}))

    assert "No rules are signed for where you work yet" in said


def test_without_a_register_nothing_is_collected(mira, sign_in):
    response = sign_in(mira).post(TRY, {"text": "slack.com"})

    assert "No register has been published yet" in response.content.decode()


def test_hostile_text_is_answered_and_shown_inert(enrol, mira, sign_in):
    enrol(mira)
    client = sign_in(mira)

    answers = {text: client.post(TRY, {"text": text}) for text in HOSTILE}

    assert {answer.status_code for answer in answers.values()} == {200}
    for answer in answers.values():
        page = answer.content.decode()
        assert not [live for live in ("<script>alert", "<img src=x", "49{%") if live in page]
        assert not [sign for sign in ("\u202e", "\u200b") if sign in verdict_in(answer)]


def test_characters_that_turn_text_round_are_spelled_out(ask):
    assert "[U+202E]moc.kcals" in ask("\u202emoc.kcals")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Type an address"),
        ("   ", "Type an address"),
        ("x" * 8192, "longer than 2,048 characters"),
        ("slack\0.com", "Null characters are not allowed"),
    ],
)
def test_refuses_what_can_not_be_meant(published, mira, sign_in, text, said):
    response = sign_in(mira).post(TRY, {"text": text})

    assert response.status_code == 422
    assert said in response.content.decode()


def test_the_partial_carries_the_refusal(published, mira, sign_in):
    response = sign_in(mira).post(TRY, {"text": ""}, headers={"HX-Request": "true"})

    assert response.status_code == 422
    assert "Type an address" in response.content.decode()
    assert "<html" not in response.content.decode()


def test_the_partial_is_the_verdict_alone(enrol, mira, sign_in):
    enrol(mira)

    response = sign_in(mira).post(TRY, {"text": "slack.com"}, headers={"HX-Request": "true"})

    page = response.content.decode()
    assert "Slack is in the register" in page
    assert "<form" not in page
    assert "<html" not in page


def test_the_page_stands_by_itself(published, mira, sign_in):
    response = sign_in(mira).get(reverse("register-try"))

    assert response.status_code == 200
    assert f'action="{TRY}" method="post"' in response.content.decode()


def test_what_is_typed_stands_in_no_address(published, mira, sign_in):
    response = sign_in(mira).get(TRY, {"text": "bamboohr.com"})

    assert "BambooHR" not in response.content.decode()


def test_strangers_sign_in_first(client):
    response = client.post(TRY, {"text": "slack.com"})

    assert response.status_code == 302


def test_the_number_of_queries_does_not_grow_with_the_devices(
    enrol, mira, sign_in, django_assert_max_num_queries
):
    for number in range(3):
        enrol(mira, f"LAPTOP-{number}")
    client = sign_in(mira)

    with django_assert_max_num_queries(21):
        client.post(TRY, {"text": "slack.com"})


def verdict_in(response) -> str:
    """Return the words of the verdict, as a reader sees them."""
    page = response.content.decode()
    part = page.partition('id="try-it-verdict"')[2].partition("</main>")[0]
    words = re.sub(r"<svg.*?</svg>|<[^>]*>", " ", part, flags=re.DOTALL)
    return " ".join(words.replace("&#x27;", "'").split()).replace(" .", ".")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("gmail", "Gmail"), ("Inbox (3) - Outlook", "Microsoft Outlook"), ("vscode", "Visual Studio")],
)
def test_name_that_is_listed_under_a_longer_one_is_offered(ask, typed, offered):
    said = ask(typed)

    assert "Not found" in said
    assert "Not collected" not in said
    assert re.search(rf"Did you mean one of these\? .*{offered}", said)


def test_nonsense_is_not_found_and_offers_nothing(ask):
    said = ask("qqqq zzzz")

    assert "Not found" in said
    assert "Did you mean" not in said


def test_program_with_its_path_is_the_program(ask):
    assert "Collected" in ask(r"C:\Program Files\Slack\slack.exe")


def test_browser_says_that_pages_have_rules_of_their_own(ask):
    assert "a page is collected only if its own address is" in ask("Google Chrome")
