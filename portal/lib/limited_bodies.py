"""Answers 413 to a request whose body is larger than anything that the portal takes.

What passes also fits into memory, so Django writes no part of a body to the disk, and drops none.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.template.loader import render_to_string

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]

# Above every form and every body of the agent API, which have narrower limits of their own.
MAX_BODY_BYTES = 4 * 1024 * 1024
TAKES_A_FILE = re.compile(r"/requests/[0-9a-f-]{36}/files")


class _BodyTooLarge(Exception):
    pass


def body_limit(method: str, path: str) -> int:
    """Return how many bytes a body may have."""
    if method == "POST" and TAKES_A_FILE.fullmatch(path):
        return settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    return MAX_BODY_BYTES


class LimitedBodies:
    """An ASGI application around `application`, which sees no more of a body than the limit."""

    def __init__(self, application: Callable[[Any, Receive, Any], Awaitable[None]]) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = body_limit(scope["method"], scope["path"])
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _BodyTooLarge
            return message

        if _announced(scope) > limit:
            await _refuse(scope, send)
            return
        try:
            await self.application(scope, counted, send)
        except _BodyTooLarge:
            # Bodies are read whole before anything is answered.
            await _refuse(scope, send)


class LimitedWsgiBodies:
    """The same for WSGI, where Django reads no more of a body than was announced."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        announced = request.get("CONTENT_LENGTH") or "0"
        path = request.get("PATH_INFO", "")
        limit = body_limit(request["REQUEST_METHOD"], path)
        if not announced.isdigit() or int(announced) <= limit:
            return self.application(request, start_response)
        headers, body = _refusal(path)
        start_response("413 Content Too Large", headers)
        return [body]


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return max((int(value) for value in lengths if value.isdigit()), default=0)


async def _refuse(scope: Scope, send: Send) -> None:
    headers, body = _refusal(scope["path"])
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": 413, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _refusal(path: str) -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body: a page for people, a line for agents."""
    if path.startswith("/agent/"):
        kind, body = "text/plain", "The request is too large.\n"
    else:
        kind, body = "text/html", render_to_string("errors/413.html")
    headers = [
        ("content-type", f"{kind}; charset=utf-8"),
        ("content-length", str(len(body.encode()))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    return headers, body.encode()
