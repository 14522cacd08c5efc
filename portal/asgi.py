"""Serves everything from one process: the policy poll beside Django, the rest through Django.

Django takes in a whole body before any view can refuse it, so too large a one ends here. In
production `portal/rsgi.py` serves the poll and `portal/wsgi.py` the rest, each faster.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
pages = get_asgi_application()

# E402: what follows needs the settings and the loaded applications.
from consent_app.devices.knowledge import Knowledge  # noqa: E402
from consent_app.devices.poll import PATH, PolicyPoll, Question  # noqa: E402
from portal.environment import process_name  # noqa: E402
from portal.lib.client_address import nearest_address  # noqa: E402
from portal.lib.database_address import database_address  # noqa: E402
from portal.lib.keys import refuse_programme_key  # noqa: E402
from portal.lib.limited_bodies import LimitedBodies, Receive, Scope, Send  # noqa: E402

refuse_programme_key()

Answer = Callable[[Any, Receive, Any], Awaitable[None]]

limited_pages = LimitedBodies(pages)


class Application:
    """Routes each scope; one instance a process."""

    def __init__(self) -> None:
        self.knowledge = Knowledge(database_address(process_name("poll")))
        self.poll = PolicyPoll(self.knowledge)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            is_poll = scope["path"] == PATH and scope["method"] == "GET"
            answer: Answer = self._answer_poll if is_poll else limited_pages
            await answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _answer_poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        question = _question(scope)
        answer = self.poll.answer_at_once(question) or await self.poll.answer(question, gone=gone)
        if answer is None:
            return
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _live(self, receive: Receive, send: Send) -> None:
        """Begin and end with the server process (the lifespan part of ASGI)."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.knowledge.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.knowledge.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _question(scope: Scope) -> Question:
    """Read the headers that count; of a name sent twice, the first."""
    first: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        first.setdefault(name.lower(), value)

    def value_of(name: bytes) -> str:
        return first.get(name, b"").decode("latin-1")

    def address() -> str:
        client = scope.get("client")
        return nearest_address(value_of(b"x-forwarded-for"), client[0] if client else None)

    return Question(
        authorization=value_of(b"authorization"),
        address=address,
        if_none_match=value_of(b"if-none-match"),
        prefer=value_of(b"prefer"),
        agent_run=value_of(b"agent-run"),
    )


application = Application()
