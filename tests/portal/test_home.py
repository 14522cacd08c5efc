"""The home page: the answer first, the pause control, the trail; with htmx and without."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

from consent_app.devices.actions import receive_acknowledgement, refresh_policies
from consent_app.devices.models import Device
from consent_app.restrictions.actions import start_pause
from consent_app.restrictions.models import Restriction, Source
from exemptions.actions import conversation
from exemptions.actions.submission import renew_exemption
from tests.conftest import NOON
from tests.exemption_fixtures import BATTERY, SENSITIVE, fresh

HTMX = {"HTTP_HX_REQUEST": "true"}


def text_of(response):
    """Return what a reader sees, without markup and with single spaces."""
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", plain).replace("&#x27;", "'")


@pytest.fixture
def confirm():
    """Let a device confirm its newest policy."""
    count = 0

    def confirm(enrolled):
        nonlocal count
        count += 1
        receive_acknowledgement(
            device=enrolled.device, jws=enrolled.acknowledgement(sequence=count)
        )
        Device.objects.filter(pk=enrolled.device.pk).update(last_seen_at=timezone.now())

    return confirm


@pytest.fixture
def mira(make_employee, frozen_time):
    return make_employee(time_zone="America/New_York")


@pytest.fixture
def laptop(mira, make_device, confirm):
    enrolled = make_device(mira)
    confirm(enrolled)
    return enrolled


@pytest.fixture
def home(sign_in, mira):
    client = sign_in(mira)
    return lambda **options: client.get("/", **options)


def test_asks_for_sign_in(client, db):
    response = client.get("/")

    assert response.status_code == 302
    assert response.url.startswith("/account/login/")


def test_says_first_that_a_device_is_collecting(home, laptop):
    page = text_of(home())

    assert "Your device is collecting." in page
    for minutes in (5, 10, 15, 30):
        assert f"{minutes} minutes" in page


def test_counts_several_devices(home, mira, laptop, make_device, confirm):
    confirm(make_device(mira, hostname="DESKTOP-7"))

    assert "Your 2 devices are collecting." in text_of(home())


def test_without_a_device_nothing_is_collected(home):
    page = text_of(home())

    assert "You have no device here, so nothing is collected from you." in page
    assert "Add a device" in page
    assert "Pause collection" not in page


def test_pause_is_shown_as_awaited_until_the_device_confirms(sign_in, mira, laptop, confirm):
    client = sign_in(mira)

    response = client.post("/pause", {"minutes": 15}, follow=True)

    page = text_of(response)
    assert "You asked for a pause. LAPTOP-1 has not confirmed it yet." in page
    assert "Waiting for confirmation" in page
    assert "To be paused until 07:15" in page
    assert Restriction.objects.get().ends_at == NOON + timedelta(minutes=15)

    confirm(laptop)
    page = text_of(client.get("/"))
    assert "Paused until 07:15" in page
    assert "Confirmed by LAPTOP-1 07:00:00.0" in page
    assert "To be paused" not in page


def test_a_preference_is_no_beginning_of_collection(sign_in, home, mira, laptop, confirm):
    confirm(laptop)

    sign_in(mira).post("/preferences/", {"default_minutes": "15", "denies_metered": "on"})

    page = text_of(home())
    assert "Collection goes on by a new policy. LAPTOP-1 has not confirmed it yet." in page
    assert "may begin" not in page


def test_an_ended_pause_may_begin_collection(home, sign_in, mira, laptop, confirm):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    confirm(laptop)

    client.post(reverse("pause-end"))

    assert "Collection may begin. LAPTOP-1 has not confirmed it yet." in text_of(home())


def test_what_no_device_confirmed_is_not_said_to_go_on(home, sign_in, mira, make_device):
    make_device(mira)

    sign_in(mira).post("/preferences/", {"default_minutes": "15", "denies_metered": "on"})

    assert "Collection may begin." in text_of(home())


def test_pause_counts_for_a_device_only_once_that_device_confirmed(
    sign_in, mira, laptop, make_device, confirm
):
    confirm(make_device(mira, hostname="DESKTOP-7"))
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})

    confirm(laptop)

    page = text_of(client.get("/"))
    assert "Paused on LAPTOP-1. DESKTOP-7 has not confirmed it yet." in page
    assert "Paused until 07:15 (" not in page


def test_pause_answers_htmx_with_the_part_that_changed(sign_in, mira, laptop):
    response = sign_in(mira).post("/pause", {"minutes": 15}, **HTMX)

    assert response.status_code == 200
    assert b"<html" not in response.content
    assert b'id="my-state"' in response.content
    assert b"End the pause" in response.content


def test_pause_can_last_longer_from_now(sign_in, mira, laptop, frozen_time):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    frozen_time.shift(timedelta(minutes=5))

    client.post("/pause", {"minutes": 30, "extend": "yes"})

    assert Restriction.objects.get().ends_at == NOON + timedelta(minutes=35)


def test_offers_only_what_would_last_longer(sign_in, mira, laptop):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})

    page = client.get("/").content.decode()

    assert 'value="30"' in page
    assert 'value="15"' not in page


def test_pause_can_be_ended(sign_in, mira, laptop, confirm, frozen_time):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    confirm(laptop)
    frozen_time.shift(timedelta(minutes=1))

    client.post("/pause/end")
    confirm(laptop)

    assert "Your device is collecting." in text_of(client.get("/"))


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ("31", "A pause is at most 30 minutes long."),
        ("0", "A pause is at least 1 minute long."),
        ("-5", "A pause is at least 1 minute long."),
        ("", "Choose for how long."),
        ("NaN", "Choose 5, 10, 15 or 30 minutes."),
        ("1e1", "Choose 5, 10, 15 or 30 minutes."),
    ],
)
def test_says_what_is_wrong_with_the_minutes(sign_in, mira, laptop, minutes, words):
    response = sign_in(mira).post("/pause", {"minutes": minutes})

    assert response.status_code == 422
    assert words in text_of(response)
    assert not Restriction.objects.exists()


def test_second_tab_is_told_that_it_is_paused_already(sign_in, mira, laptop):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})

    response = client.post("/pause", {"minutes": 5}, **HTMX)

    assert response.status_code == 422
    assert "Collection is already paused." in text_of(response)


def test_says_that_the_pause_ended_by_itself(sign_in, mira, laptop, confirm, frozen_time):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    confirm(laptop)
    frozen_time.shift(timedelta(minutes=16))
    Device.objects.update(last_seen_at=timezone.now())

    page = text_of(client.get("/"))

    assert "Your device is collecting." in page
    assert "The pause ended by itself at 07:15 , as LAPTOP-1 was told when it began." in page


def test_that_a_pause_ended_is_news_for_an_hour(sign_in, mira, laptop, confirm, frozen_time):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    confirm(laptop)
    frozen_time.shift(timedelta(minutes=75))
    Device.objects.update(last_seen_at=timezone.now())

    assert "ended by itself" not in text_of(client.get("/"))


def test_pauses_of_single_devices_last_until_the_first_of_them_goes_on(
    sign_in, mira, laptop, make_device, confirm
):
    other = make_device(mira, hostname="DESKTOP-7")
    for device, minutes in ((laptop, 5), (other, 25)):
        start_pause(employee=mira, by=mira, minutes=minutes, device=device.device.pk)
    confirm(laptop)
    confirm(other)
    client = sign_in(mira)

    assert "Paused until 07:05" in text_of(client.get("/"))
    client.post("/pause", {"minutes": 30, "extend": "yes"})

    ends = Restriction.objects.pauses().values_list("ends_at", flat=True)
    assert set(ends) == {NOON + timedelta(minutes=30)}


def test_ending_a_pause_that_is_over_says_so(sign_in, mira, laptop):
    response = sign_in(mira).post("/pause/end", **HTMX)

    assert response.status_code == 422
    assert "There is no pause to end." in text_of(response)


@pytest.mark.parametrize("path", ["/pause", "/pause/end"])
def test_reading_changes_nothing(sign_in, mira, laptop, path):
    assert sign_in(mira).get(path).status_code == 405
    assert not Restriction.objects.exists()


def test_forged_form_is_refused(mira, laptop, client):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(mira, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert strict.post("/pause", {"minutes": 15}).status_code == 403
    assert not Restriction.objects.exists()


def test_page_that_knows_it_all_is_answered_204(home, laptop):
    mark = home().context["mark"]

    assert home(data={"seen": mark}, **HTMX).status_code == 204
    assert home(data={"seen": "other"}, **HTMX).status_code == 200


def test_asks_again_soon_only_while_an_answer_is_awaited(
    sign_in, mira, laptop, confirm, frozen_time
):
    client = sign_in(mira)
    assert client.get("/").context["ask_again"] == "5s"

    client.post("/pause", {"minutes": 15})

    assert client.get("/").context["ask_again"] == "200ms"
    frozen_time.shift(timedelta(seconds=11))
    assert client.get("/").context["ask_again"] == "1s"
    confirm(laptop)
    assert client.get("/").context["ask_again"] == "5s"


def test_silent_device_is_out_of_reach_and_stops_by_itself(home, laptop, frozen_time):
    frozen_time.shift(timedelta(minutes=5))

    page = text_of(home())

    assert "Out of reach" in page
    assert "LAPTOP-1 has not answered since 07:00" in page
    assert "collects nothing after 07:16" in page
    assert "collecting" not in page.split("My devices")[1].split("Latest")[0].lower().replace(
        "out of reach", ""
    )


def test_silent_device_does_not_count_as_collecting(
    home, mira, laptop, make_device, confirm, frozen_time
):
    frozen_time.shift(timedelta(minutes=5))
    confirm(make_device(mira, hostname="DESKTOP-7"))

    assert "DESKTOP-7 is collecting; LAPTOP-1 is out of reach." in text_of(home())


def test_place_out_of_scope_is_named(make_employee, make_device, confirm, sign_in, frozen_time):
    person = make_employee(jurisdiction="DE")
    person.jurisdiction.name = "Germany"
    person.jurisdiction.collection_default = "not_in_scope"
    person.jurisdiction.save()
    confirm(make_device(person))

    page = text_of(sign_in(person).get("/"))

    assert "Nothing is collected from you." in page
    assert "Nothing is collected from anybody who works in Germany." in page
    assert "Pause collection" not in page


def test_a_place_opens_with_its_ceiling_and_not_before(
    make_employee, make_device, confirm, sign_in, frozen_time
):
    """The list of places says so first; the programme key's owner signs when they get to it."""
    person = make_employee(jurisdiction="DE")
    person.jurisdiction.collection_default = "not_in_scope"
    person.jurisdiction.save()
    laptop = make_device(person)
    person.jurisdiction.collection_default = "allowed_with_notice"
    person.jurisdiction.save()
    refresh_policies(employees=[person], at=timezone.now())
    laptop.device.refresh_from_db()
    confirm(laptop)

    page = text_of(sign_in(person).get("/"))

    assert "Nothing is collected from anybody who works in DE." in page
    assert "Pause collection" not in page


def say(laptop, *, sequence, effect):
    word = laptop.acknowledgement(sequence=sequence, effect=effect)
    receive_acknowledgement(device=laptop.device, jws=word)


def test_a_device_that_says_that_it_does_not_collect_is_not_said_to(home, laptop, frozen_time):
    """Paused on the device without a network, or waiting for its owner's word."""
    say(laptop, sequence=2, effect="not_collecting")
    shut = text_of(home())
    say(laptop, sequence=3, effect="collecting")

    assert "Nothing is collected from you." in shut
    assert "LAPTOP-1 says that it collects nothing. Perhaps it was paused on itself" in shut
    assert "waits for you to say on it that you work in US-CA" in shut
    assert "Pause collection on all your devices" in shut
    assert "Your device is collecting." in text_of(home())


def test_an_old_word_is_no_answer_for_a_device_that_is_away(home, laptop, frozen_time):
    say(laptop, sequence=2, effect="not_collecting")
    frozen_time.shift(timedelta(minutes=3))

    page = text_of(home())

    assert "Your device is out of reach." in page
    assert "says that it collects nothing" not in page


def test_what_it_said_in_a_pause_is_no_answer_after_it(sign_in, mira, laptop, confirm, frozen_time):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 5})
    confirm(laptop)
    frozen_time.shift(timedelta(minutes=5))
    Device.objects.update(last_seen_at=timezone.now())

    page = text_of(client.get("/"))

    assert "Your device is collecting." in page
    assert "says that it collects nothing" not in page


def test_a_stop_of_the_programme_is_awaited_until_the_device_confirms_it(home, laptop, frozen_time):
    frozen_time.shift(60)
    now = timezone.now()
    Restriction.objects.create(source=Source.PROGRAMME, starts_at=now, decided_at=now)
    asked = text_of(home())

    said = laptop.acknowledgement(sequence=2, effect="not_collecting")
    receive_acknowledgement(device=laptop.device, jws=said)
    confirmed = text_of(home())

    assert "Collection is to stop. LAPTOP-1 has not confirmed it yet." in asked
    assert "Stopped 07:01:00.0 Confirmed by LAPTOP-1 \N{EN DASH} waiting" in asked
    assert "Nothing is collected from you." in confirmed
    assert "The programme is stopped." in confirmed
    assert "Stopped 07:01:00.0 Confirmed by LAPTOP-1 07:01:00.0" in confirmed


def test_a_device_that_does_not_collect_already_has_no_stop_to_confirm(
    sign_in, mira, laptop, confirm, frozen_time
):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    confirm(laptop)
    frozen_time.shift(60)
    now = timezone.now()
    Restriction.objects.create(source=Source.PROGRAMME, starts_at=now, decided_at=now)

    page = text_of(client.get("/"))

    assert "Nothing is collected from you." in page
    assert "Requested 07:00:00.0" in page


def test_tells_the_latest_events_in_words(sign_in, mira, laptop, confirm):
    client = sign_in(mira)
    client.post("/pause", {"minutes": 15})
    confirm(laptop)

    page = text_of(client.get("/"))

    assert "You paused collection until 07:15." in page
    assert "LAPTOP-1 was added to your devices." in page
    assert "LAPTOP-1 confirmed that it does not collect." in page


def test_shows_nothing_of_anybody_else(home, laptop, make_employee, make_device):
    other = make_device(make_employee("Tom Berg"), hostname="TOMS-LAPTOP")
    start_pause(employee=other.device.employee, by=other.device.employee, minutes=15)

    page = text_of(home())

    assert "TOMS-LAPTOP" not in page
    assert "Paused" not in page


def test_managers_page_is_the_same_whether_a_report_paused_or_not(
    make_employee, make_device, sign_in, frozen_time
):
    manager = make_employee("Dana Ortiz")
    report = make_device(make_employee(line_manager=manager))
    client = sign_in(manager)
    before = [client.get(path).content for path in ("/", "/devices/")]

    start_pause(employee=report.device.employee, by=report.device.employee, minutes=15)

    tokens = re.compile(rb'"X-CSRFToken": "[^"]+"|csrfmiddlewaretoken" value="[^"]+"')
    after = [client.get(path).content for path in ("/", "/devices/")]
    assert [tokens.sub(b"", page) for page in after] == [tokens.sub(b"", page) for page in before]


# What needs me


@pytest.fixture
def home_of(sign_in, frozen_time):
    return lambda person: sign_in(person).get("/")


def test_nothing_needs_whoever_has_nothing_to_do(home_of, make_request, organisation):
    make_request(ground=SENSITIVE)

    assert "What needs you" not in text_of(home_of(organisation.mira))
    assert "What needs you" not in text_of(home_of(organisation.jonas))


def test_a_question_waits_for_my_answer(home_of, make_request, organisation):
    request = make_request()
    conversation.ask_for_information(
        request=request, by=organisation.jonas, seen=request.version, text="Since when?"
    )

    response = home_of(organisation.mira)

    assert "A reviewer asks you something about your request. Answer" in text_of(response)
    assertContains(response, reverse("my-request", args=[request.pk]))


def test_an_exemption_that_ends_soon_can_be_renewed(
    home_of, make_request, decide_all, organisation, frozen_time
):
    request = decide_all(make_request(days=40))

    early = text_of(home_of(organisation.mira))
    frozen_time.shift(timedelta(days=10))

    soon = text_of(home_of(organisation.mira))
    assert "What needs you" not in early
    assert "An exemption of yours ends after Saturday 2 January. Renew" in soon
    renew_exemption(request=request, by=organisation.mira)
    assert "What needs you" not in text_of(home_of(organisation.mira))


def test_an_exemption_to_be_looked_at_again_is_named_until_that_day(
    home_of, make_request, decide_all, organisation, frozen_time
):
    decide_all(make_request(days=None))
    frozen_time.shift(timedelta(days=160))

    soon = text_of(home_of(organisation.mira))
    frozen_time.shift(timedelta(days=30))

    assert "An exemption of yours is looked at again on Saturday 22 May. Renew" in soon
    assert "What needs you" not in text_of(home_of(organisation.mira))


def test_what_i_decide_is_counted_when_due_and_when_overdue(
    home_of, make_request, organisation, frozen_time
):
    make_request()
    frozen_time.shift(timedelta(days=1))

    early = text_of(home_of(organisation.jonas))
    frozen_time.shift(timedelta(days=1))
    due = text_of(home_of(organisation.jonas))
    make_request(organisation.noor, ground=BATTERY)
    make_request(ground=BATTERY)
    frozen_time.shift(timedelta(days=6))

    assert "What needs you" not in early
    you_can = "Of the requests that you can decide,"
    assert f"{you_can} 1 is due by Monday 30 November. Review" in due
    both = text_of(home_of(organisation.jonas))
    assert f"{you_can} 1 is overdue and 2 are due by Wednesday 2 December. Review" in both


def test_a_managers_home_is_the_same_with_a_confidential_request_of_a_report(
    home_of, make_request, organisation
):
    make_request()
    before = without_tokens(home_of(organisation.jonas))

    make_request(ground=SENSITIVE)

    assert without_tokens(home_of(organisation.jonas)) == before


def without_tokens(response) -> str:
    tokens = re.compile(r'"X-CSRFToken": "[^"]+"|csrfmiddlewaretoken" value="[^"]+"')
    return tokens.sub("", response.content.decode())


def test_the_latest_of_my_requests_leads_to_them_and_names_no_grounds(
    home_of, make_request, organisation, frozen_time
):
    request = make_request(ground=SENSITIVE)
    conversation.write_message(
        request=request, by=organisation.hr[0], seen=request.version, text="Thank you."
    )
    conversation.add_statement(request=fresh(request), by=organisation.mira, text="There is more.")

    response = home_of(organisation.mira)

    page = text_of(response)
    newest_first = ("You added to your request.", "A reviewer wrote to you.", "You sent a request.")
    places = [page.index(sentence) for sentence in newest_first]
    assert places == sorted(places)
    assertContains(response, f'href="{reverse("my-request", args=[request.pk])}"', count=3)
    assert "health" not in page


def test_bounded_number_of_queries(
    sign_in, mira, laptop, make_device, confirm, django_assert_max_num_queries
):
    for number in range(4):
        confirm(make_device(mira, hostname=f"DEVICE-{number}"))
    client = sign_in(mira)
    client.get("/")

    with django_assert_max_num_queries(20):
        client.get("/")
    with django_assert_max_num_queries(20):
        client.get("/", {"seen": "other"}, **HTMX)
