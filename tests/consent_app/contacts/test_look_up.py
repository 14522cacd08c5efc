"""Looking oneself up without an account: all get the same answer, and only the mail says more."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent_app.audit.models import Details, Leaf
from consent_app.contacts import delivery, links, tasks
from consent_app.contacts.actions import ask_for_link, object_to_all, withdraw_objection
from consent_app.contacts.actions.objections import pseudonym_of
from consent_app.contacts.errors import LinkUnusable
from consent_app.contacts.models import Objection, OwedMail
from consent_app.contacts.queries import waiting
from consent_app.contacts.views import LOOK_UPS_PER_HOUR
from tests.consent_app.contacts.conftest import link_in

KNOWN = "jana@example.de"
UNKNOWN = "nobody@example.net"


class RefusingServer(EmailBackend):
    """A mail server that is away."""

    def send_messages(self, messages):
        raise ConnectionRefusedError


@pytest.fixture
def colleague(make_colleague):
    return make_colleague(KNOWN)


def look_up(client, address: str, **extra):
    return client.post("/contacts/", {"address": address}, **extra)


def said(response) -> tuple:
    """Return everything that a response says but for the time."""
    return response.status_code, response.content, sorted(response.headers.items())


# The same for every address


def test_the_answer_to_every_address_is_the_same_to_the_byte(client, colleague):
    object_to_all(address="tom@example.net")

    answers = {said(look_up(client, a))[0:2] for a in (KNOWN, UNKNOWN, "tom@example.net")}
    headers = [said(look_up(client, address))[2] for address in (KNOWN, UNKNOWN)]

    assert answers == {(302, b"")}
    assert headers[0] == headers[1]
    # The frame of every page holds a token of its own for whoever reads it.
    pages = [client.get("/contacts/asked") for _ in range(2)]
    tokens = [page.context["csrf_token"] for page in pages]
    without = [
        page.content.replace(str(token).encode(), b"")
        for page, token in zip(pages, tokens, strict=True)
    ]
    assert without[0] == without[1]


def test_every_address_gets_one_mail_with_the_same_words(client, colleague, send_mails):
    for address in (KNOWN, UNKNOWN):
        look_up(client, address)

    known, unknown = send_mails()

    assert (known.to, unknown.to) == ([KNOWN], [UNKNOWN])
    words = {
        (message.subject, message.body.replace(link_in(message), "LINK"))
        for message in (known, unknown)
    }
    assert len(words) == 1


def test_the_answer_does_no_work_that_depends_on_the_address(client, colleague):
    look_up(client, "warm@example.com")

    work = []
    for address in (KNOWN, UNKNOWN):
        with CaptureQueriesContext(connection) as counted:
            look_up(client, address)
        work.append([query["sql"].replace(address, "") for query in counted.captured_queries])

    tables = [set(re.findall(r'(?:FROM|INTO|UPDATE) "(\w+)"', " ".join(done))) for done in work]
    assert len(work[0]) == len(work[1])
    assert tables[0] == tables[1] == {"contacts_owedmail", "cache_entry"}
    assert mail.outbox == []


def test_the_limit_of_one_mailbox_shows_in_no_answer(client, send_mails):
    answers = [said(look_up(client, UNKNOWN))[:2] for _ in range(5)]

    assert set(answers) == {(302, b"")}
    assert len(send_mails()) == delivery.LINKS_PER_HOUR
    assert not OwedMail.objects.exists()


def test_many_spellings_of_one_mailbox_are_one(client, send_mails):
    for address in ("Tom@example.net", "tom+a@example.net", "tom+b@EXAMPLE.net", "tom@example.net"):
        look_up(client, address)

    assert len(send_mails()) == delivery.LINKS_PER_HOUR


def test_the_limit_is_over_after_an_hour(client, send_mails, frozen_time):
    for _ in range(4):
        look_up(client, UNKNOWN)
    send_mails()
    frozen_time.shift(timedelta(minutes=61))
    look_up(client, UNKNOWN)

    assert len(send_mails()) == 1


def test_one_client_asks_about_thirty_addresses_an_hour(client, db):
    answers = [
        look_up(client, f"person{number}@example.com").status_code
        for number in range(LOOK_UPS_PER_HOUR + 1)
    ]

    assert answers == [302] * LOOK_UPS_PER_HOUR + [429]
    refused = look_up(client, KNOWN)
    assert int(refused["Retry-After"]) > 0
    assert OwedMail.objects.count() == LOOK_UPS_PER_HOUR
    assert look_up(client, KNOWN, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_one_network_of_ipv6_is_one_client(client, db):
    answers = {
        look_up(client, f"p{number}@example.com", REMOTE_ADDR=f"2001:db8::{number:x}").status_code
        for number in range(LOOK_UPS_PER_HOUR)
    }

    assert answers == {302}
    assert look_up(client, KNOWN, REMOTE_ADDR="2001:db8::ffff:1").status_code == 429
    assert look_up(client, KNOWN, REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


@pytest.mark.parametrize(
    "typed", ["", "mira", "@example.eu", "Mira <mira@example.eu>", "a@b@c", "m" * 400 + "@x.eu"]
)
def test_what_is_no_address_is_refused_by_its_form_alone(client, db, typed):
    response = look_up(client, typed)

    assert response.status_code == 422
    assert "Type one mail address" in response.content.decode()
    assert not OwedMail.objects.exists()


# Mails


def test_an_address_is_kept_until_its_mail_has_left_and_no_longer(client, send_mails):
    look_up(client, "Tom@Example.net")
    assert OwedMail.objects.get().address == "tom@example.net"

    send_mails()

    assert not OwedMail.objects.exists()


def test_a_mail_that_nobody_took_is_found_by_the_sweeper(client, frozen_time):
    look_up(client, UNKNOWN)
    assert waiting(limit=10) == []
    frozen_time.shift(timedelta(seconds=11))

    tasks.sweep()

    assert [message.to for message in mail.outbox] == [[UNKNOWN]]


def test_a_mail_waits_while_the_server_is_away_and_goes_in_the_end(client, settings, frozen_time):
    working = settings.MAILERS
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.RefusingServer"}}
    look_up(client, UNKNOWN)
    owed = OwedMail.objects.get()
    assert [delivery.mail(owed.pk), delivery.mail(owed.pk)] == [False, False]

    settings.MAILERS = working
    frozen_time.shift(timedelta(minutes=2))

    assert delivery.mail(owed.pk) is True
    assert len(mail.outbox) == 1


def test_a_mail_that_never_goes_is_given_up_and_its_address_forgotten(
    client, settings, frozen_time
):
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.RefusingServer"}}
    look_up(client, UNKNOWN)
    owed = OwedMail.objects.get()

    for _ in range(delivery.MAX_ATTEMPTS + 1):
        delivery.mail(owed.pk)
        frozen_time.shift(timedelta(hours=3))

    assert not OwedMail.objects.exists()


def test_a_mail_is_sent_once_however_often_it_is_asked(db):
    ask_for_link(address=UNKNOWN)
    owed = OwedMail.objects.get()

    assert [delivery.mail(owed.pk), delivery.mail(owed.pk)] == [True, False]


# Links


def test_a_link_opens_for_a_day(frozen_time):
    token = links.new_token(UNKNOWN)
    frozen_time.shift(links.LINKS_LAST)
    assert links.address_of(token) == UNKNOWN

    frozen_time.shift(timedelta(seconds=2))

    with pytest.raises(LinkUnusable):
        links.address_of(token)


def test_a_link_hides_the_address_and_can_not_be_altered():
    token = links.new_token("jürgen@example.net")

    assert re.fullmatch(r"[\w-]+", token)
    assert "example" not in token
    assert links.address_of(token) == "jürgen@example.net"
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(LinkUnusable):
            links.address_of(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("token", ["x", "gAAAAA", "é" * 20, "A" * 4000])
def test_what_is_no_link_opens_nothing(client, db, token):
    response = client.get(f"/contacts/mine/{token}")

    assert response.status_code == 410
    assert "Ask for a new link" in response.content.decode()


def test_a_link_opens_after_the_secret_was_rotated(settings):
    token = links.new_token(UNKNOWN)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10

    assert links.address_of(token) == UNKNOWN

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(LinkUnusable):
        links.address_of(token)


# Objecting


def test_an_objection_is_made_once_and_mailed_once(db, send_mails):
    first = object_to_all(address=UNKNOWN)
    again = object_to_all(address=UNKNOWN)

    assert first == again
    assert [message.subject for message in send_mails()] == ["Your objection counts"]
    assert Leaf.objects.filter(event="contact.objected").count() == 1


def test_an_objection_taken_back_leaves_no_address(db, send_mails):
    object_to_all(address=UNKNOWN)

    assert withdraw_objection(address=UNKNOWN) is True
    assert withdraw_objection(address=UNKNOWN) is False

    assert not Objection.objects.exists()
    assert [message.subject for message in send_mails()] == [
        "Your objection counts", "Your objection is taken back",
    ]  # fmt: skip
    assert not OwedMail.objects.exists()


def test_the_log_knows_an_objection_by_a_keyed_hash(db, settings):
    object_to_all(address=UNKNOWN)
    withdraw_objection(address=UNKNOWN)

    details = [found.content for found in Details.objects.all()]
    assert details == [{"address": pseudonym_of(UNKNOWN)}] * 2
    assert "example" not in str(details)
    settings.SECRET_KEY = "another" * 10
    assert details[0]["address"] != pseudonym_of(UNKNOWN)


def test_objections_are_dated(db, frozen_time):
    assert object_to_all(address=UNKNOWN).objected_at == timezone.now()
