"""Confidential cases: the password once more, how many may be opened, and the files in them."""

import uuid
from contextlib import contextmanager
from urllib.parse import unquote

import pytest
from django.core.cache import cache
from django.urls import reverse

from consent_app.audit.models import Leaf
from exemptions.actions import drafts, openings, submission
from tests.exemption_fixtures import SENSITIVE, events_of, fresh, nothing_changes
from tests.exemptions.conftest import without_tokens

pytestmark = pytest.mark.usefixtures("frozen_time")

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
POSTED = {
    "decide": {"verdict": "approve"},
    "ask": {"text": "Since when?"},
    "message": {"text": "I read it."},
    "note": {"text": "Known to us."},
    "assign": {"to": "team"},
    "delay": {"until": "2027-01-20", "text": "It takes long."},
    "revoke": {"last_day": "2027-01-20", "text": "It is over."},
}


@pytest.fixture(autouse=True)
def empty_cache(db):
    cache.clear()


def url_of(request, name: str = "case", *more) -> str:
    return reverse(f"review-{name}", args=[request.pk, *more])


def test_asks_for_the_password_before_anything_is_read(make_request, organisation, sign_in):
    request = make_request(ground=SENSITIVE)

    response = sign_in(organisation.hr[0]).get(url_of(request))

    assert response.status_code == 302
    assert unquote(response["Location"]) == f"/account/confirm/?next=/review/{request.pk}/"
    assert "request.opened" not in events_of(request)


def test_opens_once_the_password_was_given(make_request, organisation, confirmed):
    request = make_request(ground=SENSITIVE, text="My back hurts.")

    response = confirmed(organisation.hr[0]).get(url_of(request))

    assert response.status_code == 200
    assert "My back hurts." in response.content.decode()
    assert events_of(request)[-1] == "request.opened"


def test_password_is_asked_for_again_after_ten_minutes(
    make_request, organisation, confirmed, frozen_time
):
    request = make_request(ground=SENSITIVE)
    client = confirmed(organisation.hr[0])

    frozen_time.shift(10 * 60 - 1)
    within = client.get(url_of(request))
    frozen_time.shift(1)
    after = client.get(url_of(request))

    assert (within.status_code, after.status_code) == (200, 302)


def test_signing_in_by_password_is_not_enough(make_request, organisation, client):
    request = make_request(ground=SENSITIVE)
    dana = organisation.hr[0]
    dana.set_password("correct horse battery staple")
    dana.save()
    client.post(
        "/account/login/", {"login": dana.email, "password": "correct horse battery staple"}
    )

    assert client.get("/").status_code == 200
    assert client.get(url_of(request)).status_code == 302


def test_somebody_without_a_password_does_not_pass(make_request, organisation, sign_in):
    request = make_request(ground=SENSITIVE)
    dana = organisation.hr[0]
    dana.set_unusable_password()
    dana.save()

    assert sign_in(dana).get(url_of(request)).status_code == 302


@pytest.mark.parametrize("name", POSTED)
def test_stolen_session_does_nothing(make_request, organisation, sign_in, name):
    request = make_request(ground=SENSITIVE)
    client = sign_in(organisation.hr[0])

    with nothing_changes():
        response = client.post(url_of(request, name), {"seen": request.version} | POSTED[name])

    page = response.content.decode()
    assert response.status_code == 403
    assert "Confirm your password first" in page
    assert POSTED[name].get("text", "") in page
    assert request.requester.name not in page


def test_part_of_a_page_asks_for_the_password_as_well(make_request, organisation, sign_in):
    request = make_request(ground=SENSITIVE)

    response = sign_in(organisation.hr[0]).get(url_of(request), headers={"HX-Request": "true"})

    assert response.status_code == 302


def test_ordinary_request_needs_no_second_password(make_request, organisation, sign_in):
    request = make_request()

    assert sign_in(organisation.jonas).get(url_of(request)).status_code == 200


def test_twenty_first_confidential_request_stays_closed(
    make_request, organisation, confirmed, monkeypatch
):
    monkeypatch.setattr(openings, "MOST_OPENINGS", 1)
    first, second = (make_request(ground=SENSITIVE, applications=a) for a in APPLICATIONS)
    client = confirmed(organisation.hr[0])

    opened, refused = client.get(url_of(first)), client.get(url_of(second))

    assert (opened.status_code, refused.status_code) == (200, 429)
    assert "the auditors were told" in refused.content.decode()
    assert refused["Retry-After"] == "600"
    assert "request.opened" not in events_of(second)
    assert organisation.auditor.notifications.filter(event="openings_unusual").count() == 1


@pytest.mark.parametrize("act", POSTED)
def test_nobody_acts_on_more_than_they_may_open(
    make_request, organisation, confirmed, monkeypatch, act
):
    monkeypatch.setattr(openings, "MOST_OPENINGS", 1)
    first, second = (make_request(ground=SENSITIVE, applications=a) for a in APPLICATIONS)
    client = confirmed(organisation.hr[0])
    client.get(url_of(first))

    with unchanged(second):
        response = client.post(url_of(second, act), POSTED[act] | {"seen": second.version})

    assert response.status_code == 429


def test_acting_on_what_was_never_opened_is_an_opening(make_request, organisation, confirmed):
    request = make_request(ground=SENSITIVE)
    client = confirmed(organisation.hr[0])

    client.post(url_of(request, "decide"), {"verdict": "approve", "seen": request.version})

    assert events_of(request).count("request.opened") == 1
    assert fresh(request).decisions.count() == 1


@contextmanager
def unchanged(request):
    """Assert that a request is as it was; the refusal is told to others."""
    before = (fresh(request).version, events_of(request), request.messages.count())
    yield
    assert (fresh(request).version, events_of(request), request.messages.count()) == before


APPLICATIONS = (frozenset({"zulip"}), frozenset({"datadog"}))


# Files


@pytest.fixture
def with_file(make_draft):
    """Return a function that makes a sent request with a PDF in it."""

    def make(**wanted):
        draft = make_draft(**wanted)
        drafts.attach_file(request=draft, name="my diagnosis.pdf", content=PDF)
        submission.submit_request(request=fresh(draft), by=draft.requester)
        return fresh(draft)

    return make


def test_file_is_only_ever_downloaded(with_file, organisation, confirmed):
    request = with_file(ground=SENSITIVE)
    file = request.attachments.get()

    response = confirmed(organisation.hr[0]).get(url_of(request, "file", file.pk))

    assert response.content == PDF
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="file-1.pdf"'
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "no-store"
    assert events_of(request)[-1] == "request.opened"


def test_file_belongs_to_the_opening_of_its_case(with_file, organisation, confirmed):
    request = with_file(ground=SENSITIVE)
    client = confirmed(organisation.hr[0])

    client.get(url_of(request))
    client.get(url_of(request, "file", request.attachments.get().pk))

    assert Leaf.objects.filter(event="request.opened").count() == 1


def test_file_of_a_confidential_request_asks_for_the_password(with_file, organisation, sign_in):
    request = with_file(ground=SENSITIVE)

    response = sign_in(organisation.hr[0]).get(
        url_of(request, "file", request.attachments.get().pk)
    )

    assert response.status_code == 302


def test_file_of_another_request_is_not_found(with_file, make_request, organisation, sign_in):
    other = with_file(ground=SENSITIVE)
    request = make_request()
    client = sign_in(organisation.jonas)

    answers = [
        client.get(url_of(request, "file", pk)) for pk in (other.attachments.get().pk, uuid.uuid4())
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({without_tokens(answer.content) for answer in answers}) == 1


def test_erased_request_gives_out_no_file_and_takes_no_words(with_file, organisation, confirmed):
    request = with_file(ground=SENSITIVE)
    request.sealing_key = None
    request.save(update_fields=["sealing_key"])
    client = confirmed(organisation.hr[0])

    page = client.get(url_of(request))
    file = client.get(url_of(request, "file", request.attachments.get().pk))
    written = {"text": "Known to us.", "seen": request.version}
    note = client.post(url_of(request, "note"), written)

    assert (page.status_code, file.status_code, note.status_code) == (200, 404, 409)
    assert "(erased)" in page.content.decode()
    assert "was erased" in note.content.decode()
