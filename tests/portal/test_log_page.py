"""The page "The log": an auditor takes proof away, and nobody else learns how long the log is."""

import pytest
from django.urls import reverse

from consent_agent.protocol.history import check_growth, read_history, read_kept
from consent_agent.protocol.jws import KeySet
from consent_app.audit.queries import tree_size
from consent_app.people.roles import Role, ensure_roles
from consent_app.restrictions.actions import start_pause
from portal.lib.keys import published_keys


@pytest.fixture
def auditor(make_employee, ceilings):
    person = make_employee("Katrin Vogel")
    person.groups.add(ensure_roles()[Role.AUDITOR])
    return person


@pytest.fixture
def reader(sign_in, auditor):
    return sign_in(auditor)


def test_what_is_downloaded_proves_that_the_log_only_grew(reader, make_employee):
    keys = KeySet.from_jwks(published_keys())
    kept = read_kept(reader.get(reverse("log-checkpoint")).content, keys=keys)
    mira = make_employee()
    start_pause(employee=mira, by=mira, minutes=15)

    answer = reader.get(reverse("log"), {"since": kept.size})

    history = read_history(answer.content, keys=keys)
    check_growth(kept, history)
    assert history.head.size == tree_size() > kept.size
    assert f"since-{kept.size}.json" in answer["Content-Disposition"]


def test_holds_no_entry(reader, make_employee):
    mira = make_employee()
    start_pause(employee=mira, by=mira, minutes=15)

    answers = [
        reader.get(reverse("log")),
        reader.get(reverse("log"), {"since": 1}),
        reader.get(reverse("log-checkpoint")),
    ]

    for answer in answers:
        assert b"pause" not in answer.content
        assert str(mira.pseudonym).encode() not in answer.content


@pytest.mark.parametrize("since", ["0", "-1", "999999", "1.5", "", "x", str(2**70)])
def test_a_number_that_the_log_never_had_is_refused(reader, since):
    answer = reader.get(reverse("log"), {"since": since})

    assert answer.status_code == 422
    assert "Content-Disposition" not in answer


@pytest.mark.parametrize("role", [role for role in Role if role != Role.AUDITOR])
def test_nobody_else_learns_how_long_it_is(sign_in, make_employee, ceilings, role):
    person = make_employee()
    person.groups.add(ensure_roles()[role])
    client = sign_in(person)

    assert client.get(reverse("log")).status_code == 403
    assert client.get(reverse("log-checkpoint")).status_code == 403
