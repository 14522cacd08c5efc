"""What people write: unreadable in the tables, gone with its key, and good after a rotation."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import connection

from consent_app.audit.models import Leaf
from exemptions import sealed
from exemptions.actions import conversation, decisions, drafts, submission
from exemptions.actions.keys import key_ids_in_use
from exemptions.models import Attachment, Decision, ExemptionRequest, Message, Verdict
from exemptions.queries import own
from portal.lib.keys import SEALING_KEYS
from portal.lib.sealing import Unreadable
from tests.exemption_fixtures import ORDINARY, SENSITIVE, fresh

WORD = "Zwiebelkuchen"
TABLES = (ExemptionRequest, Message, Attachment, Decision, Leaf)


@pytest.fixture
def written(make_draft, organisation):
    """A request with the word in everything that somebody can write."""

    def write(ground):
        draft = make_draft(ground=ground, text=f"statement {WORD}")
        drafts.attach_file(request=draft, name=f"{WORD}.txt", content=f"file {WORD}".encode())
        from_draft = submit(draft)
        reviewer = organisation.hr[0] if ground == SENSITIVE else organisation.jonas
        words = {"request": from_draft, "by": reviewer}
        conversation.write_note(**words, text=f"note {WORD}")
        conversation.ask_for_information(
            **words, seen=fresh(from_draft).version, text=f"question {WORD}"
        )
        conversation.answer_question(
            request=from_draft, by=from_draft.requester, text=f"answer {WORD}"
        )
        decisions.decide(
            **words, seen=fresh(from_draft).version, verdict=Verdict.DECLINE,
            code="ground_not_met", text=f"decision {WORD}",
        )  # fmt: skip
        return fresh(from_draft)

    return write


def submit(draft):
    submission.submit_request(request=draft, by=draft.requester)
    return fresh(draft)


def everything_stored():
    """Return every row of the tables as text, and all their bytes."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table._meta.db_table}")
            for row in cursor:
                for value in row:
                    yield bytes(value) if isinstance(value, memoryview) else str(value).encode()


@pytest.mark.parametrize("ground", [ORDINARY, SENSITIVE])
def test_tables_do_not_hold_what_was_written(written, ground):
    request = written(ground)

    stored = b"\n".join(everything_stored())

    assert WORD.encode() not in stored
    texts = [sealed.message_text(request, message) for message in request.messages.all()]
    assert [text.removesuffix(f" {WORD}") for text in texts] == [
        "statement", "note", "question", "answer",
    ]  # fmt: skip
    [file] = request.attachments.all()
    assert sealed.attachment_name(request, file) == f"{WORD}.txt"
    assert sealed.attachment_content(request, file) == f"file {WORD}".encode()
    [decision] = own.decisions_on(request)
    assert sealed.decision_text(request, decision) == f"decision {WORD}"


def test_text_moved_to_another_place_does_not_open(written):
    request = written(ORDINARY)
    statement, note = request.messages.all()[:2]
    statement.text = note.text

    with pytest.raises(Unreadable):
        sealed.message_text(request, statement)


def test_erased_key_takes_all_texts_with_it(written):
    request = written(ORDINARY)
    request.sealing_key = None
    request.save(update_fields=["sealing_key"])

    request = fresh(request)
    [file], [decision] = request.attachments.all(), own.decisions_on(request)
    texts = [sealed.message_text(request, message) for message in request.messages.all()]
    texts += [sealed.attachment_name(request, file), sealed.decision_text(request, decision)]
    assert texts == ["(erased)"] * 6
    with pytest.raises(Unreadable):
        sealed.attachment_content(request, file)


def rotate(*options):
    out = io.StringIO()
    call_command("rotate_sealing_key", *options, stdout=out)
    return out.getvalue()


def key_ids(keys):
    return [line.split()[0] for line in (keys / SEALING_KEYS).read_text().splitlines()]


def test_rotation_wraps_every_key_anew_and_retires_the_old(written, keys):
    request = written(ORDINARY)
    [old] = key_ids(keys)

    said = rotate()

    new, kept = key_ids(keys)
    assert said == (
        f"Key {new} is in use; 1 requests, 0 stores and 0 copies of data were wrapped by it.\n"
    )
    assert (kept, key_ids_in_use()) == (old, {new})
    assert Leaf.objects.filter(event="sealing_key.rotated").count() == 1
    assert rotate("--retire") == f"Dropped: {old}.\n"
    assert key_ids(keys) == [new]
    assert sealed.message_text(fresh(request), request.messages.first()).endswith(WORD)


def test_key_that_is_still_needed_is_not_retired(written, keys):
    request = written(ORDINARY)
    wrapped = fresh(request).sealing_key
    [old] = key_ids(keys)
    rotate()
    ExemptionRequest.objects.filter(pk=request.pk).update(sealing_key=wrapped)

    assert rotate("--retire") == "Dropped: none.\n"
    assert old in key_ids(keys)
    assert sealed.message_text(fresh(request), request.messages.first()).endswith(WORD)


@pytest.mark.django_db(transaction=True)
def test_rotations_lose_nothing_that_is_written_meanwhile(grounds, make_employee):
    people = [make_employee(f"Person {n}") for n in range(4)]
    start, stop, written = threading.Barrier(5), threading.Event(), []

    def write(person):
        start.wait()
        with closing(connection):
            while not stop.is_set():
                draft = drafts.start_draft(employee=person, ground=grounds[ORDINARY])
                drafts.write_statement(request=draft, text=f"{WORD} {len(written)}")
                written.append(draft.pk)
                if ExemptionRequest.objects.filter(requester=person).count() == 5:
                    drafts.discard_draft(request=draft)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, person) for person in people]
        start.wait()
        for _ in range(8):
            rotate()
            rotate("--retire")
        stop.set()

    assert [writer.exception() for writer in writers] == [None] * 4
    assert len(written) > 8
    for request in ExemptionRequest.objects.all():
        assert WORD in sealed.message_text(request, own.statement_of(request))
