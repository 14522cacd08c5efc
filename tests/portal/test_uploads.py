"""An upload stays in memory, or is answered with 413; no part of it is written to the disk."""

import asyncio
import io
import tempfile

import pytest
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

import portal.asgi
import portal.wsgi
from exemptions.files import MAX_FILE_BYTES
from portal.lib.limited_bodies import MAX_BODY_BYTES, LimitedBodies, LimitedWsgiBodies

REQUEST = "0190c2f4-7a7e-4d5e-9c3b-0d7a1f1f2a3b"
FILES = f"/requests/{REQUEST}/files"
NINE_MB = 9 * 1024 * 1024
BOUNDARY = "----------------boundary"


@csrf_exempt
@login_not_required
def take(request: HttpRequest, **_ids: str) -> HttpResponse:
    sizes = [file.size for file in request.FILES.values()]
    return HttpResponse(f"{sizes}")


urlpatterns = [
    path("requests/<uuid:request_id>/files", take),
    path("requests/<uuid:request_id>/messages", take),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def form(size):
    """Return the body of a form with one file of this size."""
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="letter.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    return head.encode() + b"x" * size + f"\r\n--{BOUNDARY}--\r\n".encode()


def post_asgi(address, body):
    sent = []
    messages = iter([{"type": "http.request", "body": body}])

    async def receive():
        message = next(messages, None)
        if message is None:
            await asyncio.Event().wait()
        return message

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": address,
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode()),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    asyncio.run(LimitedBodies(ASGIHandler())(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def post_wsgi(address, body):
    statuses = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": address,
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    application = LimitedWsgiBodies(WSGIHandler())
    answer = application(environ, lambda status, _headers: statuses.append(int(status[:3])))
    return statuses[0], b"".join(answer).decode()


@pytest.fixture(params=[post_asgi, post_wsgi])
def post(request):
    return request.param


@pytest.fixture
def no_disk(monkeypatch):
    """Fail whatever would make a temporary file."""

    def refuse(*_arguments, **_options):
        pytest.fail("something went to the disk")

    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    monkeypatch.setattr("django.core.files.uploadedfile.tempfile.NamedTemporaryFile", refuse)


def test_upload_of_nine_megabytes_stays_in_memory(post, no_disk):
    assert post(FILES, form(NINE_MB)) == (200, f"[{NINE_MB}]")


def test_largest_body_of_another_address_stays_in_memory(post, no_disk):
    size = MAX_BODY_BYTES - len(form(0))

    assert post(f"/requests/{REQUEST}/messages", form(size)) == (200, f"[{size}]")


def test_file_just_above_the_limit_arrives_whole_to_be_refused_beside_its_field(post, no_disk):
    assert post(FILES, form(MAX_FILE_BYTES + 1)) == (200, f"[{MAX_FILE_BYTES + 1}]")


@pytest.mark.parametrize(
    ("address", "size"),
    [
        (FILES, settings.FILE_UPLOAD_MAX_MEMORY_SIZE),
        (f"/requests/{REQUEST}/messages", MAX_BODY_BYTES),
        (f"{FILES}/", NINE_MB),
        (f"/elsewhere{FILES}", NINE_MB),
    ],
)
def test_larger_upload_is_answered_with_a_page_that_says_so(post, no_disk, address, size):
    status, page = post(address, form(size))

    assert status == 413
    assert "Go back and attach a smaller one" in page


def test_agents_are_answered_with_a_line(post):
    status, line = post("/agent/v1/ledger", form(MAX_BODY_BYTES))

    assert (status, line) == (413, "The request is too large.\n")


def test_both_servers_limit_bodies():
    assert isinstance(portal.asgi.limited_pages, LimitedBodies)
    assert isinstance(portal.wsgi.application, LimitedWsgiBodies)
