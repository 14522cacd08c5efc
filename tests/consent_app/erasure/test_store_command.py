"""`manage.py data_store`, and how the stores' keys are kept."""

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from consent_app.audit.models import Details, Leaf
from consent_app.erasure import queries, webhooks
from consent_app.erasure.actions import rewrap_keys, sealing_key_ids
from consent_app.erasure.models import DataStore
from consent_app.people.queries import system_user
from portal.lib import sealing
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("db", "keys")
ADD = ("add", "Archive", "--holds", "All recordings", "--endpoint", "http://127.0.0.1:8900/")


def run(*arguments):
    out = StringIO()
    call_command("data_store", *arguments, stdout=out)
    return out.getvalue().strip()


def test_adds_a_store_and_prints_its_key_this_once():
    key = run(*ADD)

    store = DataStore.objects.get()
    assert key.startswith("whsec_")
    assert queries.keys_of(store, at=NOON) == [webhooks.read_key(key)]
    assert key not in run("list")
    assert run("list").split("\t") == [
        "Archive",
        str(store.pk),
        "http://127.0.0.1:8900/",
        "active",
    ]


def test_the_key_is_nowhere_in_the_database_nor_in_the_log():
    key = run(*ADD)

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM erasure_datastore")
        (row,) = cursor.fetchall()
    assert webhooks.read_key(key) not in b"".join(
        bytes(c) for c in row if isinstance(c, memoryview | bytes)
    )
    assert key not in str(list(Details.objects.values_list("content", flat=True)))


def test_everything_done_is_in_the_log():
    run(*ADD)
    run("move", "Archive", "--endpoint", "http://127.0.0.1:8901/")
    run("rotate-key", "Archive")
    run("resend", "Archive")
    run("retire", "Archive")

    events = Leaf.objects.filter(event__startswith="data_store.").order_by("index")
    assert [leaf.event.split(".")[1] for leaf in events] == [
        "added",
        "moved",
        "key_rotated",
        "orders_renewed",
        "retired",
    ]
    assert run("list").endswith("retired")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (ADD, "There is a store with this name."),
        (("add", " ", "--holds", "x", "--endpoint", "https://example.com"), "Say the store's name"),
        (("add", "B", "--holds", "x" * 301, "--endpoint", "https://a.example"), "what it holds"),
        (("add", "B", "--holds", "x", "--endpoint", "ftp://example.com"), "https"),
        (("move", "Archive", "--endpoint", "nowhere"), "https"),
        (("move", "Other", "--endpoint", "https://example.com"), "no store"),
        (("rotate-key", "Other"), "no store"),
        (("resend", "Other"), "no store"),
        (("retire", "Other"), "no store"),
    ],
)
def test_what_can_not_be_is_said(arguments, words):
    run(*ADD)

    with pytest.raises(CommandError, match=words):
        run(*arguments)

    assert DataStore.objects.count() == 1


def test_without_sealing_keys_no_store_is_added():
    (settings.KEYS_DIR / "sealing.keys").unlink()

    with pytest.raises(CommandError, match=r"sealing\.keys"):
        run(*ADD)


def test_the_keys_outlive_a_rotation_of_the_sealing_key():
    key = run(*ADD)
    old = sealing_key_ids()
    out = StringIO()
    call_command("rotate_sealing_key", stdout=out)
    call_command("rotate_sealing_key", retire=True, stdout=out)

    assert sealing_key_ids() != old
    assert f"Dropped: {old.pop()}." in out.getvalue()
    store = DataStore.objects.get()
    assert queries.keys_of(store, at=NOON) == [webhooks.read_key(key)]
    assert rewrap_keys(by=system_user()) == 0


def test_a_key_that_is_not_here_opens_nothing():
    run(*ADD)
    (settings.KEYS_DIR / "sealing.keys").write_text(f"{'0' * 16} {'A' * 43}=\n", encoding="ascii")

    with pytest.raises(sealing.Unreadable):
        queries.keys_of(DataStore.objects.get(), at=NOON)
