"""What tests begin with by copying is what they would have made; a flush leaves nothing."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from consent_app.audit.models import Leaf
from consent_app.audit.verification import verify_log
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from consent_app.register.actions import load_register
from consent_app.register.models import Application, RegisterVersion
from tests.beginnings import begin_with


@pytest.fixture
def register(db, register_folder):
    """Return a function that begins with a register; it says whether that was really loaded."""

    def begin() -> bool:
        loaded = []

        def make() -> None:
            loaded.append(
                load_register(by=system_user(), portal_host="x.example", folder=register_folder)
            )

        begin_with("a register of this module", make)
        return bool(loaded)

    return begin


def everything() -> dict[str, list]:
    """Return all rows of all tables, but for the rights that Django makes for itself."""
    models = [model for model in apps.get_models() if model._meta.app_label != "auth"]
    return {str(model): list(model.objects.order_by("pk").values()) for model in models}


def test_a_copy_is_what_was_made(register):
    with transaction.atomic():
        register()
        made = everything()
        transaction.set_rollback(True)

    was_loaded = register()

    assert not was_loaded
    assert everything() == made
    assert verify_log([]).is_intact


def test_triggers_hold_after_copying(register):
    with transaction.atomic():
        register()
        transaction.set_rollback(True)
    register()

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Application.objects.update(name="Another")

    assert not Application.objects.filter(name="Another").exists()


def test_rows_that_come_later_take_no_copied_key(register):
    with transaction.atomic():
        register()
        transaction.set_rollback(True)
    with connection.cursor() as cursor:  # as after the server was killed
        cursor.execute("ALTER SEQUENCE register_registerversion_id_seq RESTART")
    register()

    version = RegisterVersion.objects.create(
        number=2, purpose="x", limits="x", readers=[], never_collected=[]
    )

    assert version.pk > RegisterVersion.objects.get(number=1).pk


def test_nothing_is_copied_where_the_log_has_entries(register, make_employee):
    with transaction.atomic():
        register()
        transaction.set_rollback(True)
    system_user()

    assert register()


@pytest.mark.django_db(transaction=True)
def test_what_was_committed_is_gone_after_a_flush(register, make_employee):
    register()
    make_employee()

    call_command("flush", interactive=False, verbosity=0)

    assert not any(rows for name, rows in everything().items() if "ContentType" not in name)
    assert not Employee.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SHOW session_replication_role")
        assert cursor.fetchone() == ("origin",)
    assert not Leaf.objects.exists()
