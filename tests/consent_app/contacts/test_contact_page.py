"""The page that a mailed link opens, and the list that legal keeps."""

import pytest

from consent_app.contacts import links
from consent_app.contacts.actions import add_entries, end_entry, object_to_all
from consent_app.contacts.models import ListEntry, Objection
from consent_app.devices.actions import keep_counterparties
from consent_app.people.roles import Role, ensure_roles
from portal.contacts_page import CHOICES_PER_HOUR
from tests.consent_app.contacts.conftest import link_in

TOM = "tom@example.net"


@pytest.fixture
def page_of(client):
    """Return a function that opens somebody's page and returns its text."""

    def open_page(address: str = TOM) -> str:
        response = client.get(f"/contacts/mine/{links.new_token(address)}")
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        return response.content.decode()

    return open_page


def choose(client, choice: str, address: str = TOM):
    return client.post(f"/contacts/mine/{links.new_token(address)}", {"choice": choice})


def test_the_whole_way_from_typing_an_address_to_being_protected(client, send_mails, db):
    client.post("/contacts/", {"address": "Tom@Example.net"})
    [message] = send_mails()
    path = link_in(message)
    assert "Not protected" in client.get(path).content.decode()

    response = client.post(path, {"choice": "object"}, follow=True)

    page = response.content.decode()
    assert "Never collected" in page
    assert "You objected" in page
    assert Objection.objects.get().address == TOM
    assert [mailed.to for mailed in send_mails()] == [[TOM]]


def test_opening_the_page_changes_nothing(client, page_of, send_mails):
    page_of()

    assert not Objection.objects.exists()
    assert send_mails() == []


@pytest.mark.parametrize("domain", ["xn--fa-hia.de", "xn--a.com", "xn--.com", "xn--0.com"])
def test_a_domain_that_has_no_other_spelling_opens_its_page(client, db, domain):
    """As of domains of IDNA 2008, which the codec does not know, and of what never was one."""
    address = f"tom@{domain}"
    path = f"/contacts/mine/{links.new_token(address)}"

    client.post(path, {"choice": "object"})

    assert "You objected" in client.get(path).content.decode()
    assert Objection.objects.get().address == address


def test_the_notice_is_there_for_anybody(client, ceilings):
    page = client.get("/contacts/notice")

    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    assert "Information under article 14 GDPR" in page.content.decode()
    assert "How you object" in page.content.decode()
    # Its readers have no account: nothing may send them where only an account leads.
    assert "With an account here, My data does all of this" in page.content.decode()
    assert "You can object on the page “If you take no part”" in page.content.decode()


def test_before_a_notice_is_published_its_page_says_so(client, db):
    page = client.get("/contacts/notice").content.decode()

    assert "None is published yet." in page


def test_an_objection_is_taken_back_by_the_same_link(client, db):
    path = f"/contacts/mine/{links.new_token(TOM)}"
    client.post(path, {"choice": "object"})
    assert "Take my objection back" in client.get(path).content.decode()

    client.post(path, {"choice": "withdraw"})

    assert "Object: never collect my words" in client.get(path).content.decode()


def test_the_page_says_what_protects_and_gives_no_reason_of_legal(page_of, legal, make_colleague):
    make_colleague("jana@example.de")
    add_entries(text="@example.de", reason="SECRET-REASON", by=legal)

    page = page_of("jana@example.de")

    assert "you work in Germany" in page
    assert "everybody of <bdi>@example.de</bdi>" in page
    assert "SECRET-REASON" not in page


def test_the_page_shows_the_notice_of_article_14(page_of, ceilings):
    page = page_of()

    assert "Information under article 14 GDPR" in page
    assert "What of you can be seen" in page


def test_the_page_says_so_where_no_notice_is_published(page_of, db):
    assert "None is published yet" in page_of()


def test_the_page_says_whether_devices_know(client, page_of, ceilings):
    object_to_all(address=TOM)
    assert "devices have not been told yet" in page_of()

    keep_counterparties()

    assert "Devices are told to record nothing" in page_of()


def test_what_was_not_offered_can_not_be_chosen(client, db):
    assert choose(client, "collect-more").status_code == 400


def test_changing_ones_mind_all_the_time_is_slowed_down(client, db):
    answers = [
        choose(client, ("object", "withdraw")[number % 2]).status_code
        for number in range(CHOICES_PER_HOUR + 1)
    ]

    assert answers == [302] * CHOICES_PER_HOUR + [429]


# The list of legal


def add_by_page(client, lines: str, reason: str = "Agreement"):
    return client.post("/contacts/protected", {"lines": lines, "reason": reason})


def test_legal_adds_one_and_many(sign_in, legal):
    client = sign_in(legal)

    add_by_page(client, "noor@example.eu")
    response = add_by_page(client, "noor@example.eu\r\n@example.org\r\njana@example.de")

    page = client.get(response["Location"]).content.decode()
    assert "2 added to the list. 1 stood there already." in page
    assert [row.entry for row in ListEntry.objects.all()] == [
        "@example.org", "jana@example.de", "noor@example.eu",
    ]  # fmt: skip


def test_the_page_names_every_wrong_line_and_keeps_what_was_typed(sign_in, legal):
    response = add_by_page(sign_in(legal), "noor@example.eu\nexample.eu\n<b>\n")

    page = response.content.decode()
    assert response.status_code == 422
    assert "Line 2: “example.eu” is no address and no domain." in page
    assert "Line 3: “&lt;b&gt;” is no address and no domain." in page
    assert "noor@example.eu\nexample.eu" in page
    assert not ListEntry.objects.exists()


def test_only_lines_without_a_word_are_refused(sign_in, legal):
    assert add_by_page(sign_in(legal), " \n \n").status_code == 422


def test_legal_ends_an_entry_and_finds_it_among_the_ended(sign_in, legal):
    client = sign_in(legal)
    add_by_page(client, "noor@example.eu")
    entry = ListEntry.objects.get()

    client.post(f"/contacts/protected/{entry.pk}/end")

    assert "The list is empty" in client.get("/contacts/protected").content.decode()
    ended = client.get("/contacts/protected?show=ended").content.decode()
    assert "noor@example.eu" in ended
    assert client.post(f"/contacts/protected/{entry.pk}/end").status_code == 409


def test_the_list_is_searched_and_paged(sign_in, legal):
    client = sign_in(legal)
    add_by_page(client, "\n".join(f"person{number:03}@example.eu" for number in range(60)))

    first = client.get("/contacts/protected").content.decode()
    second = client.get("/contacts/protected?page=2").content.decode()
    found = client.get("/contacts/protected?search=PERSON059").content.decode()

    assert ("person049" in first, "person050" in first) == (True, False)
    assert "Page 2 of 2" in second
    assert ("person059" in found, "person001" in found) == (True, False)
    assert "No entry matches" in client.get("/contacts/protected?search=zzz").content.decode()


@pytest.mark.parametrize(
    ("query", "status"), [("page=3", 404), ("page=-1", 400), ("show=all", 400), ("page=x", 400)]
)
def test_a_page_that_is_none(sign_in, legal, query, status):
    assert sign_in(legal).get(f"/contacts/protected?{query}").status_code == status


def test_legal_sees_how_many_objected_and_never_who(sign_in, legal):
    object_to_all(address=TOM)

    page = sign_in(legal).get("/contacts/protected").content.decode()

    assert "Objected themselves" in page
    assert TOM not in page


def test_legal_sees_that_the_newest_filter_waits_for_its_signature(sign_in, legal, ceilings, keys):
    client = sign_in(legal)
    assert "No filter was built yet" in client.get("/contacts/protected").content.decode()
    add_by_page(client, "noor@example.eu")
    (keys / "programme.key").rename(keys / "programme.away")

    keep_counterparties()

    assert "Waits for a signature" in client.get("/contacts/protected").content.decode()

    (keys / "programme.away").rename(keys / "programme.key")
    keep_counterparties()
    assert "Every ceiling names it" in client.get("/contacts/protected").content.decode()


@pytest.mark.parametrize("role", [None, *(set(Role) - {Role.LEGAL_REVIEWER})])
def test_the_list_is_for_legal_alone(sign_in, make_employee, legal, role):
    add_entries(text="noor@example.eu", reason="Agreement", by=legal)
    entry = ListEntry.objects.get()
    person = make_employee()
    if role:
        person.groups.add(ensure_roles()[role])
    client = sign_in(person)

    answers = [
        client.get("/contacts/protected"),
        add_by_page(client, "tom@example.net"),
        client.post(f"/contacts/protected/{entry.pk}/end"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert end_entry(entry=entry, by=legal).ended_at
