"""Threat T3: a word of a confidential request is found nowhere but encrypted.

The word stands in a statement, a file and its name, a message and an answer, a note, a decision and
an appeal. It is looked for, in several encodings, in every table as a dump writes it, in the
server's own files and write-ahead log, in the broker's memory and files, in the logs (of an error
and a failed task too), in the mails, and on every page that anybody else can open. A word that is
no secret is found in the same places: so the search can find.
"""

import base64
import logging
import os
import uuid
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consent_app.notifications import tasks
from consent_app.notifications.models import Notification
from consent_app.people.roles import Role
from exemptions.actions import delegations, drafts
from exemptions.models import State
from exemptions.queries import own
from exemptions.sealed import message_text
from portal.embedded.postgres import EmbeddedPostgres
from tests.exemption_fixtures import SENSITIVE, fresh, give_role
from tests.test_access import SIGNED_IN, address, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = f"Canary{uuid.uuid4().hex}"
PLAIN = f"Sparrow{uuid.uuid4().hex}"


def forms_of(word: str) -> list[bytes]:
    """Return the word as logs, dumps and files may hold it."""
    raw = word.encode()
    # In base64 a word looks different at each of three places; its middle is the same in each.
    shifted = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    texts = [raw, raw.hex().encode(), raw.hex().upper().encode(), *shifted]
    return [*texts, word.encode("utf-16-le"), word.encode("utf-16-be"), raw[::-1]]


def holds(content: bytes, word: str) -> bool:
    return any(form in content for form in forms_of(word))


@pytest.fixture
def log_file(tmp_path):
    """Write everything that is logged to a file, as a server does, whatever its level."""
    path = tmp_path / "portal.log"
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("{name} {message} {args}", style="{"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    root.removeHandler(handler)
    root.setLevel(before)
    handler.close()


@pytest.fixture
def broker():
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]) as server:
        server.flushall()
        yield server
        server.flushall()


@pytest.fixture
def told(organisation, make_draft, broker, log_file):
    """Write the word wherever the pages have room for it, through to a heard appeal."""
    (dana, hugo), (priya, lena, _) = organisation.hr, organisation.legal
    request = make_draft(organisation.mira, ground=SENSITIVE, text="It is about me.")

    def post(person, name, **typed):
        typed = {"seen": fresh(request).version} | typed
        answer = signed_in(person).post(reverse(name, args=[request.pk]), typed)
        assert answer.status_code == 302, f"{name}: {answer.status_code}"

    def mira(name, **typed):
        post(organisation.mira, name, **typed)

    file = SimpleUploadedFile(f"{SECRET}.txt", f"See {SECRET}".encode())
    mira("request-files", statement=f"About {SECRET}.", file=file)
    mira("request-statement", statement=f"It is about {SECRET} and nobody else.")
    mira("request-check")
    post(dana, "review-ask", text=f"Is it {SECRET}?")
    mira("request-answer", text=f"Yes, {SECRET}.")
    mira("request-add", text=f"And {SECRET} once more.")
    post(hugo, "review-note", text=f"{SECRET} again.")
    post(hugo, "review-message", text=f"Thank you for {SECRET}.")
    post(dana, "review-decide", verdict="approve", text=f"Because of {SECRET}.")
    post(priya, "review-decide", verdict="decline", code="ground_not_met", text=f"No {SECRET}.")
    mira("request-appeal", text=f"But {SECRET}!")
    post(lena, "review-decide", verdict="approve", text=f"Indeed {SECRET}.")
    request = fresh(request)
    assert request.state == State.OVERTURNED
    return request


@pytest.fixture
def full_messages(told):
    """Let the next message fail in the database, so that an error is logged with its traceback."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no room'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON exemptions_message"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION refuse() CASCADE")


def test_the_word_is_there_for_those_who_may_read_it(told, organisation):
    statement = own.statement_of(told)

    assert SECRET in message_text(told, statement)
    case = reverse("review-case", args=[told.pk])
    assert SECRET in signed_in(organisation.hr[0]).get(case).text


def test_the_word_is_in_no_table_and_no_file_of_the_database(told, organisation):
    # What is no secret is there, by the same search.
    now = timezone.now()
    delegations.start_delegation(
        person=organisation.jonas, by=organisation.jonas, delegate=None, starts_at=now,
        ends_at=now + timezone.timedelta(days=1), reason=PLAIN,
    )  # fmt: skip

    dump, files = dump_of_tables(), files_of_the_server()

    assert holds(dump, PLAIN)
    assert any(holds(content, PLAIN) for content in files.values())
    assert not holds(dump, SECRET)
    assert [name for name, content in files.items() if holds(content, SECRET)] == []


def test_the_word_is_not_in_the_broker(told, broker):
    waiting = b"".join(broker.dump(key) or b"" for key in broker.scan_iter(match="*", count=1000))
    lists = b"".join(b"".join(broker.lrange("celery", 0, -1)) for _ in [0])
    broker.save()
    folder = Path(broker.config_get("dir")["dir"])
    saved = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    owed = Notification.objects.first()
    assert str(owed.pk).encode() in base64_decoded(lists)
    assert not holds(waiting + lists + base64_decoded(lists) + saved, SECRET)


def test_the_word_is_in_no_log_even_of_an_error(
    told, organisation, grounds, full_messages, log_file
):
    draft = drafts.start_draft(employee=organisation.mira, ground=grounds[SENSITIVE])
    client = Client(raise_request_exception=False)
    client.force_login(organisation.mira)

    page = reverse("request-statement", args=[draft.pk])
    status = client.post(page, {"statement": f"Again {SECRET}."}).status_code
    with pytest.raises(ValueError, match="badly formed"):
        tasks.deliver("no id")
    logging.getLogger("portal").warning("a line that says %s", PLAIN)

    assert status == 500
    assert holds(log_file.read_bytes(), PLAIN)
    assert b"no room" in log_file.read_bytes()
    assert not holds(log_file.read_bytes(), SECRET)


def test_the_word_is_in_no_mail(told):
    tasks.sweep()
    for owed in Notification.objects.unsent():
        tasks.deliver(str(owed.pk))

    assert mail.outbox
    for message in mail.outbox:
        assert not holds(message.message().as_bytes(), SECRET)
        assert "Disability" not in message.message().as_string()


def test_the_word_is_on_no_page_of_anybody_else(told, organisation, make_employee):
    objects = {"told": told}
    others = {
        "colleague": organisation.noor,
        "manager": organisation.jonas,
        "it": organisation.it[0],
        "owner": organisation.owner,
        "auditor": organisation.auditor,
        "other_legal_role": give_role(make_employee("Ola"), Role.IT_ADMINISTRATOR),
    }
    for who, person in others.items():
        client = signed_in(person)
        for name in SIGNED_IN:
            answer = client.get(address(name, "told", objects))
            content = b"".join(answer) if answer.streaming else answer.content
            headers = str(answer.headers).encode()
            assert not holds(content + headers, SECRET), f"{name} for {who}"


def dump_of_tables() -> bytes:
    """Return every row of every table as a dump writes it."""
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            # A table in partitions has no rows of its own to copy, so they are selected.
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as copy:
                parts.extend(bytes(block) for block in copy)
    return b"".join(parts)


def files_of_the_server() -> dict[str, bytes]:
    """Return the server's files: tables, indexes, the write-ahead log and its own log."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT pg_relation_filepath('exemptions_delegation')")
        assert cursor.fetchone()
    folder = EmbeddedPostgres(settings.VAR_DIR / "postgres").folder
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def base64_decoded(tasks_waiting: bytes) -> bytes:
    """Return the bodies of Celery's messages, which are JSON in base64 in JSON."""
    bodies = [part for part in tasks_waiting.split(b'"') if len(part) > 40]
    decoded = []
    for body in bodies:
        try:
            decoded.append(base64.b64decode(body, validate=True))
        except ValueError:
            decoded.append(body)
    return b"".join(decoded)
