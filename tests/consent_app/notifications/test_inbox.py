"""The inbox: what it shows and to whom, what reading does, with htmx and without."""

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from consent_app.notifications.catalogue import ENTRIES, SHOWN_IN_INBOX, Kind
from consent_app.notifications.models import Notification
from consent_app.notifications.views import MESSAGES_PER_PAGE
from tests.conftest import NOON

HTMX = {"HTTP_HX_REQUEST": "true"}
# What differs from one answer to the next, whatever is asked for.
TOKENS = re.compile(rb'"X-CSRFToken": "[^"]+"|value="[^"]{64}"')


def text_of(response):
    """Return what a reader sees, without markup and with single spaces."""
    plain = re.sub(r"<[^>]+>", " ", response.content.decode().partition("<body")[2])
    return re.sub(r"\s+", " ", plain).replace("&#x27;", "'")


def count_in_navigation(response):
    inbox_link = re.search(
        r'<span id="unread-count".*?</span></span>|$', response.content.decode()
    )[0]
    return re.sub(r"<[^>]+>", "", inbox_link)


@pytest.fixture
def tom(make_employee):
    return make_employee("Tom Berg")


# What it shows


def test_asks_for_sign_in(client, db):
    assert client.get("/inbox/").url.startswith("/account/login/")


def test_shows_newest_first_with_sentence_time_and_place(sign_in, mira, make_message, frozen_time):
    make_message(mira, "device_enrolled")
    frozen_time.shift(timedelta(hours=2))
    make_message(mira, "enrolment_code_reused")

    response = sign_in(mira).get("/inbox/")

    page = text_of(response)
    newer = page.index("A code of yours for adding a device was tried a second time.")
    older = page.index("LAPTOP-1 was added to your devices. If it was not you, remove it now.")
    assert newer < older
    assert "Unread · Monday 23 November 2026, 07:00 EST (2 hours ago)" in page
    assert "My devices" in page[newer:older]


# Pages for reviewers, and for those who answer for the programme, open for them only.
FOR_SOME = (
    "review", "programme", "register-review", "stops", "incidents", "data-stores", "rollouts",
)  # fmt: skip
FOR_EVERYBODY = sorted(
    event
    for event in SHOWN_IN_INBOX
    if ENTRIES[event].kind != Kind.REVIEW and ENTRIES[event].place not in FOR_SOME
)


@pytest.mark.parametrize("event", FOR_EVERYBODY)
def test_every_message_leads_to_a_page_that_opens(sign_in, mira, make_message, event):
    message = make_message(mira, event)
    client = sign_in(mira)

    response = client.post(f"/inbox/{message.pk}/read", {"open": "yes"}, follow=True)

    assert response.status_code == 200
    message.refresh_from_db()
    assert message.read_at


@pytest.fixture
def place_with_id(monkeypatch):
    """Let one event lead to an address that needs an id from the message's context."""
    entry = replace(ENTRIES["device_enrolled"], place="inbox-read", place_arguments=("request",))
    monkeypatch.setitem(ENTRIES, "device_enrolled", entry)


def test_message_leads_to_the_very_thing_it_is_about(sign_in, mira, make_message, place_with_id):
    about = str(uuid.uuid4())
    message = make_message(mira, context={"request": about})
    client = sign_in(mira)

    opened = client.post(f"/inbox/{message.pk}/read", {"open": "yes"})

    assert opened.url == f"/inbox/{about}/read"
    assert f'href="/inbox/{about}/read"' in client.get("/inbox/").content.decode()


@pytest.mark.parametrize(
    "context",
    [
        {}, {"request": None}, {"request": ""}, {"request": 7}, {"request": {}}, {"request": []},
        {"request": "//example.com"}, {"request": "../account"}, {"requests": str(uuid.uuid4())},
    ],
)  # fmt: skip
def test_message_that_does_not_say_where_leads_to_the_inbox(
    sign_in, mira, make_message, place_with_id, context
):
    message = make_message(mira, context=context)
    client = sign_in(mira)

    opened = client.post(f"/inbox/{message.pk}/read", {"open": "yes"})

    assert opened.url == "/inbox/"
    assert client.get("/inbox/").status_code == 200


def test_unread_is_said_by_a_word_and_a_read_message_has_a_plain_link(sign_in, mira, make_message):
    make_message(mira, read_at=NOON)
    client = sign_in(mira)

    page = client.get("/inbox/")

    assert "Unread" not in text_of(page)
    assert "Nothing is unread." in text_of(page)
    assert "Mark as read" not in text_of(page)
    assert "Mark all as read" not in text_of(page)
    assert '<a class="message-action" href="/devices/"' in page.content.decode()


def test_without_messages_says_what_will_be_here(sign_in, mira):
    page = text_of(sign_in(mira).get("/inbox/"))

    assert "No messages yet" in page
    assert "Mark all as read" not in page
    assert "unread" not in page


def test_link_that_sets_a_password_is_never_shown(sign_in, mira, make_message):
    message = make_message(mira, "account_password_reset")
    client = sign_in(mira)

    page = client.get("/inbox/")

    assert "No messages yet" in text_of(page)
    assert "/account/password/new/" not in page.content.decode()
    assert count_in_navigation(page) == ""
    assert client.post(f"/inbox/{message.pk}/read").status_code == 404


def test_message_of_an_event_that_is_no_more_breaks_no_page(sign_in, mira, make_message):
    make_message(mira, "retired_event")

    response = sign_in(mira).get("/inbox/")

    assert response.status_code == 200
    assert "No messages yet" in text_of(response)


def test_message_that_lacks_its_context_is_shown_nevertheless(sign_in, mira, make_message):
    make_message(mira, context={})

    assert "(unknown) was added to your devices." in text_of(sign_in(mira).get("/inbox/"))


@pytest.mark.parametrize(
    "hostname",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b hx-get=/>', "-<i>-</i>",
        "{portal}", "{hostname.__class__}", "{% debug %}", "%(secret)s", {"a": "<b>"}, None, 7,
    ],
)  # fmt: skip
def test_name_of_a_device_is_shown_inert(sign_in, mira, make_message, hostname):
    make_message(mira, hostname=hostname)
    make_message(mira, hostname="LAPTOP-1")
    client = sign_in(mira)
    elements = re.compile(r"<[a-z]+[ >]")

    page = client.get("/inbox/").content.decode()

    message, other = re.findall(r'<h2 class="message-sentence.*?</h2>', page)
    kinds = set(elements.findall(message + other))
    assert kinds <= {"<h2 ", "<span "}
    if isinstance(hostname, str) and "<" not in hostname:
        assert hostname in text_of(client.get("/inbox/")).replace("&quot;", '"')


def test_pages_follow_one_another_and_leave_nothing_out(sign_in, mira, make_message, frozen_time):
    for number in range(MESSAGES_PER_PAGE + 1):
        make_message(mira, hostname=f"PC{number:02}")
        frozen_time.shift(1)
    client = sign_in(mira)

    first, second = (text_of(client.get(f"/inbox/?page={page}")) for page in (1, 2))

    assert "Page 1 of 2" in first
    assert re.findall(r"PC\d\d", first) == [f"PC{n:02}" for n in range(MESSAGES_PER_PAGE, 0, -1)]
    assert re.findall(r"PC\d\d", second) == ["PC00"]


@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "1e3", "9" * 5_000, "", "\0", "../1"])
def test_pages_that_do_not_exist_are_not_found(sign_in, mira, make_message, page):
    make_message(mira)

    assert sign_in(mira).get("/inbox/", {"page": page}).status_code == 404


# The count in the navigation


def test_every_page_counts_what_is_unread_and_mine(sign_in, mira, tom, make_message):
    make_message(mira)
    make_message(mira)
    make_message(mira, read_at=NOON)
    make_message(tom)

    for address in ("/", "/devices/", "/inbox/", "/inbox/preferences"):
        assert count_in_navigation(sign_in(mira).get(address)) == "(2) unread"


def test_nothing_unread_shows_no_number(sign_in, mira):
    response = sign_in(mira).get("/devices/")

    assert '<span id="unread-count"></span>' in response.content.decode()


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/inbox/", ' aria-current="page"'),
        ("/inbox/preferences", ' aria-current="true"'),
        ("/devices/", ""),
    ],
)
def test_link_says_whether_the_reader_is_there(sign_in, mira, address, current):
    page = sign_in(mira).get(address).content.decode()

    assert f'<a class="inbox-link" href="/inbox/"{current}>' in page


@pytest.mark.django_db
def test_visitor_has_no_inbox(client):
    assert "/inbox/" not in client.get("/account/login/").content.decode()


# Reading


def test_marks_one_message_and_leads_back_to_it(sign_in, mira, make_message, frozen_time):
    message, other = make_message(mira), make_message(mira)

    response = sign_in(mira).post(f"/inbox/{message.pk}/read", {"page": "1"})

    assert response.url == f"/inbox/?page=1#message-{message.pk}"
    assert Notification.objects.get(pk=message.pk).read_at == NOON
    assert Notification.objects.get(pk=other.pk).read_at is None


def test_second_click_changes_nothing(sign_in, mira, make_message, frozen_time):
    message = make_message(mira)
    client = sign_in(mira)
    client.post(f"/inbox/{message.pk}/read", **HTMX)
    frozen_time.shift(timedelta(minutes=1))

    again = client.post(f"/inbox/{message.pk}/read", **HTMX)

    assert again.status_code == 200
    assert Notification.objects.get().read_at == NOON


def test_answers_htmx_with_the_message_and_the_new_counts(sign_in, mira, make_message):
    message = make_message(mira)
    make_message(mira)

    response = sign_in(mira).post(f"/inbox/{message.pk}/read", **HTMX)

    html = response.content.decode()
    assert "<html" not in html
    assert html.count("<li") == 1
    assert f'id="message-{message.pk}"' in html
    assert "1 unread." in html
    assert "Unread" not in html
    assert count_in_navigation(response) == "(1) unread"
    assert "inbox-read-all" not in html


def test_last_one_read_takes_the_button_for_all_away(sign_in, mira, make_message):
    message = make_message(mira)

    html = sign_in(mira).post(f"/inbox/{message.pk}/read", **HTMX).content.decode()

    assert '<div id="inbox-read-all" hx-swap-oob="delete">' in html
    assert '<span id="unread-count" hx-swap-oob="true"></span>' in html


def test_marks_all_that_the_page_had_shown(sign_in, mira, tom, make_message, frozen_time):
    seen = [make_message(mira), make_message(mira)]
    hidden = make_message(mira, "account_password_reset")
    theirs = make_message(tom)
    client = sign_in(mira)
    page = client.get("/inbox/").content.decode()
    frozen_time.shift(timedelta(seconds=5))
    newer = make_message(mira)

    seen_at = re.search(r'name="seen_at" value="([^"]+)"', page)[1]
    response = client.post("/inbox/read", {"seen_at": seen_at, "page": "1"}, follow=True)

    read = Notification.objects.filter(read_at__isnull=False)
    assert {message.pk for message in read} == {message.pk for message in seen}
    assert {message.read_at for message in read} == {NOON + timedelta(seconds=5)}
    assert {newer, hidden, theirs}.isdisjoint(read)
    assert count_in_navigation(response) == "(1) unread"


@pytest.mark.parametrize("seen_at", [None, "", "soon", "0", "2026-02-30T00:00Z", "9" * 500, "\0"])
def test_all_means_nothing_without_a_time(sign_in, mira, make_message, seen_at):
    make_message(mira)

    response = sign_in(mira).post("/inbox/read", {} if seen_at is None else {"seen_at": seen_at})

    assert response.status_code == 400
    assert Notification.objects.get().read_at is None


@pytest.mark.parametrize(
    ("seen_at", "read"),
    [
        ("0001-01-01T00:00:00+14:00", False), ("0001-01-01T00:00:00", False),
        ("9999-12-31T23:59:59-14:00", True), ("9999-12-31T23:59:59", True),
    ],
)  # fmt: skip
def test_times_at_the_edge_of_the_calendar_are_times(sign_in, mira, make_message, seen_at, read):
    make_message(mira)

    response = sign_in(mira).post("/inbox/read", {"seen_at": seen_at})

    assert response.status_code == 302
    assert (Notification.objects.get().read_at is not None) == read


# Access


def test_somebody_elses_message_does_not_exist_for_me(sign_in, mira, tom, make_message):
    theirs = make_message(tom)
    client = sign_in(mira)

    page = text_of(client.get("/inbox/"))
    answers = [client.post(f"/inbox/{pk}/read") for pk in (theirs.pk, uuid.uuid4())]

    assert "No messages yet" in page
    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({TOKENS.sub(b"", answer.content) for answer in answers}) == 1
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_reading_a_page_changes_nothing(sign_in, mira, make_message):
    message = make_message(mira)
    client = sign_in(mira)

    statuses = [
        client.get(address).status_code
        for address in ("/inbox/", "/inbox/preferences", "/inbox/read", f"/inbox/{message.pk}/read")
    ]

    assert statuses == [200, 200, 405, 405]
    assert Notification.objects.get().read_at is None


def test_number_of_queries_is_bounded(sign_in, mira, make_message, django_assert_max_num_queries):
    messages = [make_message(mira) for _ in range(2 * MESSAGES_PER_PAGE)]
    client = sign_in(mira)

    with django_assert_max_num_queries(11):
        client.get("/inbox/")
    with django_assert_max_num_queries(11):
        client.get("/inbox/preferences")
    with django_assert_max_num_queries(9):
        client.post(f"/inbox/{messages[0].pk}/read", **HTMX)
