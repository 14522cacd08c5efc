"""The request form: the statement and its files, kept by itself and read by nobody yet."""

import logging

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile

from exemptions.files import MAX_FILE_BYTES
from exemptions.models import Attachment, ExemptionRequest, Message
from exemptions.queries import own
from exemptions.sealed import attachment_name, message_text
from tests.exemption_fixtures import SENSITIVE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

PART = {"HX-Request": "true"}
TEXT = "Nobody shall know: CANARY-2f1c."


@pytest.fixture
def writer(organisation, grounds, sign_in):
    return sign_in(organisation.mira)


@pytest.fixture
def draft(writer):
    writer.post("/requests/new", {"ground": SENSITIVE})
    return ExemptionRequest.objects.get()


@pytest.fixture
def statement(draft):
    return f"/requests/{draft.pk}/statement"


@pytest.fixture
def files(draft):
    return f"/requests/{draft.pk}/files"


def written(draft):
    message = own.statement_of(draft)
    return message_text(fresh(draft), message) if message else None


def a_file(content=b"What my doctor says.", name="letter.txt"):
    return SimpleUploadedFile(name, content)


def words(response):
    return " ".join(response.content.decode().split())


def test_who_reads_it_stands_above_the_box(writer, statement):
    page = words(writer.get(statement))

    readers = "Confidential. Only HR, then Legal. Not your manager. Nobody before you send it."
    assert readers in page
    assert "Dana Ortiz, Hugo Brandt" in page
    assert page.index(readers) < page.index("<textarea")


def test_somebody_of_the_team_does_not_read_their_own(grounds, organisation, sign_in):
    dana = organisation.hr[0]
    client = sign_in(dana)
    client.post("/requests/new", {"ground": SENSITIVE})

    page = client.get(f"/requests/{ExemptionRequest.objects.get().pk}/statement")

    assert page.context["readers"][0].names == "Hugo Brandt"


def test_a_manager_who_is_of_the_team_does_not_read_it(writer, statement, organisation):
    organisation.mira.line_manager = organisation.hr[0]
    organisation.mira.save()

    page = writer.get(statement)

    assert page.context["readers"][0].names == "Hugo Brandt"


def test_it_is_kept_while_somebody_writes(writer, statement, draft):
    answer = writer.post(statement, {"statement": TEXT}, headers=PART)

    assert answer.status_code == 200
    assert words(answer).startswith("Saved <time")
    assert "<html" not in words(answer)
    assert written(draft) == TEXT


def test_it_is_kept_by_a_button_without_javascript(writer, statement, draft):
    page = writer.post(statement, {"statement": TEXT, "save": "yes"}, follow=True)

    assert page.redirect_chain == [(statement, 302)]
    assert TEXT in words(page)
    assert "Saved <time" in words(page)


def test_words_taken_away_are_gone(writer, statement, draft):
    writer.post(statement, {"statement": TEXT}, headers=PART)

    answer = writer.post(statement, {"statement": " \n"}, headers=PART)

    assert words(answer) == "Nothing is saved yet"
    assert not Message.objects.exists()


def test_going_on_needs_a_sentence(writer, statement):
    response = writer.post(statement, {"statement": "\u0007 "})

    assert response.status_code == 422
    assert response.context["form"].errors == {"statement": ["Write a sentence or two."]}


def test_too_long_a_text_is_not_kept_and_not_lost(writer, statement, draft):
    long = "a" * 10_001

    by_itself = writer.post(statement, {"statement": long}, headers=PART)
    by_hand = writer.post(statement, {"statement": long})

    assert (by_itself.status_code, by_hand.status_code) == (422, 422)
    assert "Not saved. This is longer than fits." in words(by_itself)
    assert long in words(by_hand)
    assert written(draft) is None


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"></textarea><img src=x onerror=alert(1)>',
        "{{7*7}} {% load x %}",
        "[a](javascript:alert(1))",
        "=HYPERLINK(1)",
    ],
)
def test_markup_is_only_text(writer, statement, draft, text):
    writer.post(statement, {"statement": text, "save": "yes"})

    pages = [writer.get(statement), writer.get(f"/requests/{draft.pk}/check")]

    assert written(draft) == text
    for page in pages:
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()


def test_what_turns_text_round_is_shown_before_it_is_sent(writer, statement, draft):
    writer.post(statement, {"statement": "one\ntwo \u202eeerht\u200b", "save": "yes"})

    page = writer.get(f"/requests/{draft.pk}/check").content.decode()

    assert "one\ntwo [U+202E]eerht[U+200B]" in page


# Files


def test_a_file_is_attached_and_what_was_written_kept(writer, statement, files, draft):
    page = writer.post(files, {"statement": TEXT, "file": a_file()}, follow=True)

    assert page.redirect_chain == [(f"{statement}#files", 302)]
    [attachment] = own.attachments_of(draft)
    assert attachment_name(draft, attachment) == "letter.txt"
    assert "letter.txt" in words(page)
    assert "TXT, 20" in words(page)
    assert written(draft) == TEXT


def test_a_file_can_be_removed_and_what_was_written_is_kept(writer, files, draft):
    writer.post(files, {"file": a_file()})
    [attachment] = own.attachments_of(draft)

    writer.post(f"{files}/{attachment.pk}/remove", {"statement": TEXT})

    assert not Attachment.objects.exists()
    assert written(draft) == TEXT


def test_files_of_other_requests_are_not_removed(writer, files, draft, organisation, make_draft):
    other = make_draft(organisation.noor)
    Attachment.objects.create(
        request=other, number=1, name=b"-", content=b"-", media_type="text/plain",
        extension="txt", size_bytes=1, added_at=other.created_at,
    )  # fmt: skip

    response = writer.post(f"{files}/{Attachment.objects.get().pk}/remove")

    assert response.status_code == 404
    assert Attachment.objects.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "This file is empty."),
        (b"GIF89a...", "Only PDF, PNG, JPEG and plain text"),
        (b"\xff\xd8\xff not a picture", "damaged or not complete"),
        (b"a" * (MAX_FILE_BYTES + 1), "larger than 10 MB"),
        (None, "Choose a file first."),
    ],
    ids=["empty", "kind", "damaged", "large", "none"],
)
def test_a_refused_file_says_why_beside_its_field(writer, files, draft, content, message):
    given = {} if content is None else {"file": a_file(content, "picture.pdf")}

    response = writer.post(files, {"statement": TEXT} | given)

    assert response.status_code == 422
    assert message in response.context["form"].errors["file"][0]
    assert message in words(response)
    assert written(draft) == TEXT
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("name", ["../../x\u202etxt.exe", "\x00", " ", "a" * 400, "<b>.txt"])
def test_odd_names_are_only_names(writer, statement, files, draft, name):
    response = writer.post(files, {"file": a_file(name=name)})

    assert response.status_code in {302, 422}
    page = writer.get(statement).content.decode()
    assert "\u202e" not in page
    assert "<b>" not in page


def test_a_sixth_file_does_not_fit(writer, files, draft):
    for _ in range(5):
        writer.post(files, {"file": a_file()})

    response = writer.post(files, {"file": a_file()})

    assert response.status_code == 422
    assert "A request holds 5 files." in words(response)
    assert Attachment.objects.count() == 5


def test_many_uploads_at_once_have_to_wait(writer, files, draft, monkeypatch):
    monkeypatch.setattr("exemptions.views.form_statement.MOST_UPLOADS", 1)
    writer.post(files, {"file": a_file()})

    response = writer.post(files, {"statement": TEXT, "file": a_file()})

    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 600
    assert "Wait a few minutes" in words(response)
    assert written(draft) == TEXT
    assert Attachment.objects.count() == 1


def test_a_file_that_was_chosen_and_not_attached_is_told(writer, statement, draft):
    response = writer.post(statement, {"statement": TEXT, "file": "letter.txt"})

    assert response.status_code == 422
    assert "it is not attached yet" in words(response)
    assert written(draft) == TEXT


# Nobody else


def test_what_is_written_stands_in_no_log_session_message_or_address(
    writer, statement, files, draft, caplog
):
    caplog.set_level(logging.DEBUG)

    answers = [
        writer.post(statement, {"statement": TEXT}, headers=PART),
        writer.post(statement, {"statement": TEXT, "save": "yes"}),
        writer.post(statement, {"statement": TEXT + "a" * 10_000}),
        writer.post(files, {"statement": TEXT, "file": a_file(name="CANARY-2f1c.txt")}),
        writer.post(statement, {"statement": TEXT}),
    ]

    sessions = "".join(str(session.get_decoded()) for session in Session.objects.all())
    cookies = "".join(answer.cookies.output() for answer in answers)
    addresses = "".join(answer.get("Location", "") for answer in answers)
    for kept in (caplog.text, sessions, cookies, addresses):
        assert "CANARY" not in kept
    assert TEXT.encode() not in bytes(Message.objects.get().text)


def test_pages_with_a_draft_are_kept_by_no_browser(writer, statement):
    page = writer.get(statement)

    assert page["Cache-Control"] == "no-store"
    assert 'autocomplete="off"' in page.content.decode()
