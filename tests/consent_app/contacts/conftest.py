"""People outside the programme, legal, and the mails that go out."""

import re
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.core.cache import cache

from consent_app.contacts import delivery
from consent_app.contacts.models import OwedMail
from consent_app.people.roles import Role, ensure_roles


@pytest.fixture(autouse=True)
def no_attempts_yet(db):
    cache.clear()


@pytest.fixture
def legal(make_employee):
    person = make_employee("Lena Legal", email="lena@example.com")
    person.groups.add(ensure_roles()[Role.LEGAL_REVIEWER])
    return person


@pytest.fixture
def make_colleague(make_employee):
    """Return a function that makes somebody whom the law of their place protects."""

    def make(email: str, **fields):
        person = make_employee(jurisdiction="DE", email=email, **fields)
        person.jurisdiction.protects_indirect = True
        person.jurisdiction.name = "Germany"
        person.jurisdiction.save()
        return person

    return make


@pytest.fixture
def send_mails():
    """Return a function that does a worker's work and returns what left."""

    def send():
        mail.outbox.clear()
        for owed in OwedMail.objects.order_by("owed_at"):
            delivery.mail(owed.pk)
        return list(mail.outbox)

    return send


def link_in(message) -> str:
    """Return the path that a mail leads to."""
    [address] = re.findall(r"https?://\S+/contacts/mine/\S+", message.body)
    return urlsplit(address).path
