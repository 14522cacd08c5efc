"""The page from which one's own copy is asked for and downloaded, by nobody else."""

import io
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from zipfile import ZipFile

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from consent_app.access import actions, rules
from consent_app.access.models import CopyPart, DataCopy
from consent_app.audit.models import Leaf

PAGE = reverse("access-download")
ASK = reverse("access-request")


@pytest.fixture
def client_of_mira(sign_in, mira):
    return sign_in(mira)


def text_of(response):
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", plain).replace("&#x27;", "'")


def file_of(copy: DataCopy) -> str:
    return reverse("access-file", args=[copy.pk])


def downloads() -> int:
    return Leaf.objects.filter(event="access.downloaded").count()


def test_offers_a_copy(client_of_mira):
    page = text_of(client_of_mira.get(PAGE))

    assert "You have no copy" in page
    assert "Ask for a copy" in page


def test_says_that_one_is_being_made_and_looks_again(client_of_mira):
    client_of_mira.post(ASK)

    response = client_of_mira.get(PAGE)

    assert "Your copy is being made" in text_of(response)
    assert "Ask for a copy" not in text_of(response)
    assert 'hx-trigger="every 3s"' in response.content.decode()


def test_says_until_when_a_copy_is_there(client_of_mira, mira, make_copy):
    make_copy(mira)

    response = client_of_mira.get(PAGE)

    page = text_of(response)
    assert "It can be downloaded until Monday 30 November 2026, 07:00 EST" in page
    assert "You can ask for a new copy from Tuesday 24 November 2026, 07:00 EST on." in page
    assert "hx-trigger" not in response.content.decode().split('id="my-copy"')[1]


def test_offers_a_new_copy_a_day_later(sign_in, mira, make_copy, frozen_time):
    make_copy(mira)
    frozen_time.shift(rules.ASKED_AGAIN_AFTER)

    assert "Ask for a new copy" in text_of(sign_in(mira).get(PAGE))


def test_says_that_it_could_not_be_made(client_of_mira, mira):
    copy = actions.request_copy(employee=mira, by=mira)
    DataCopy.objects.filter(pk=copy.pk).update(failed_at=copy.requested_at)

    page = text_of(client_of_mira.get(PAGE))

    assert "Your copy could not be made" in page
    assert "Ask for a copy" in page


def test_asking_twice_is_refused_in_words(client_of_mira):
    client_of_mira.post(ASK)

    response = client_of_mira.post(ASK)

    assert response.status_code == 409
    assert "A copy is being made already." in text_of(response)


def test_part_of_the_page_alone_is_sent_to_htmx(client_of_mira):
    response = client_of_mira.get(PAGE, HTTP_HX_REQUEST="true")

    assert response.content.decode().strip().startswith("<section")


def test_asks_for_the_password_before_it_is_given_out(client_of_mira, mira, make_copy):
    copy = make_copy(mira)

    response = client_of_mira.get(file_of(copy))

    assert response.status_code == 302
    assert response.url.startswith(reverse("account_reauthenticate"))
    assert parse_qs(urlsplit(response.url).query)["next"] == [file_of(copy)]
    assert downloads() == 0


def test_is_given_out_whole_and_logged(client_of_mira, mira, make_copy, confirm_password):
    copy = make_copy(mira)
    confirm_password(mira)

    response = client_of_mira.get(file_of(copy))

    content = b"".join(response.streaming_content)
    assert len(content) == copy.size_bytes == int(response["Content-Length"])
    assert ZipFile(io.BytesIO(content)).testzip() is None
    assert response["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    assert response["Cache-Control"] == "no-store"
    assert downloads() == 1


def test_is_not_given_out_long_after_the_password(
    client_of_mira, mira, make_copy, confirm_password, frozen_time
):
    copy = make_copy(mira)
    confirm_password(mira)

    frozen_time.shift(django_settings.STEP_UP_SECONDS)

    assert client_of_mira.get(file_of(copy)).status_code == 302


def test_to_others_it_does_not_exist(sign_in, mira, make_copy, make_employee, confirm_password):
    copy = make_copy(mira)
    noor = make_employee("Noor Haddad")
    client = sign_in(noor)
    confirm_password(noor)

    assert client.get(file_of(copy)).status_code == 404
    assert "You have no copy" in text_of(client.get(PAGE))
    assert downloads() == 0


def test_nothing_is_given_out_that_is_not_there(client_of_mira, mira, confirm_password):
    in_the_making = actions.request_copy(employee=mira, by=mira)
    confirm_password(mira)

    assert client_of_mira.get(file_of(in_the_making)).status_code == 404
    assert client_of_mira.get(reverse("access-file", args=[UUID(int=0)])).status_code == 404


def test_the_link_ends_on_time_before_any_sweep(
    sign_in, mira, make_copy, confirm_password, frozen_time
):
    copy = make_copy(mira)
    frozen_time.shift(rules.KEPT_FOR - timedelta(seconds=1))
    client = sign_in(mira)
    confirm_password(mira)

    assert client.get(file_of(copy)).status_code == 200
    frozen_time.shift(1)
    assert client.get(file_of(copy)).status_code == 404
    assert "You have no copy" in text_of(client.get(PAGE))


def test_only_get_gives_it_out(client_of_mira, mira, make_copy, confirm_password):
    copy = make_copy(mira)
    confirm_password(mira)

    assert client_of_mira.head(file_of(copy)).status_code == 405
    assert client_of_mira.get(ASK).status_code == 405
    assert downloads() == 0


def test_what_was_altered_is_not_given_out(client_of_mira, mira, make_copy, confirm_password):
    copy = make_copy(mira)
    confirm_password(mira)
    CopyPart.objects.update(content=b"\x01" * 64)
    client_of_mira.raise_request_exception = False

    assert client_of_mira.get(file_of(copy)).status_code == 500
    assert downloads() == 0


def test_without_sealing_keys_nothing_is_asked_for(client_of_mira, tmp_path, settings):
    settings.KEYS_DIR = tmp_path
    client_of_mira.raise_request_exception = False

    assert client_of_mira.post(ASK).status_code == 503
    assert not DataCopy.objects.exists()
