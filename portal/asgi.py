"""Serves everything from one process: the policy poll beside Django, the rest through Django.

Django takes in a whole body before any view can refuse it, so too large a one ends here.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
pages = get_asgi_application()

# E402: what follows needs the settings and the loaded applications.
from django.conf import settings  # noqa: E402
from psycopg.conninfo import make_conninfo  # noqa: E402

from consent_app.devices import poll  # noqa: E402
from consent_app.devices.knowledge import Knowledge  # noqa: E402
from consent_app.devices.poll import Receive, Scope, Send  # noqa: E402
from portal.lib.limited_bodies import LimitedBodies  # noqa: E402

Answer = Callable[[Any, Receive, Any], Awaitable[None]]

limited_pages = LimitedBodies(pages)


def database_address() -> str:
    """Return where the poll's own connections go: the database that Django uses."""
    database = settings.DATABASES["default"]
    return make_conninfo(
        host=database["HOST"] or None,
        port=database["PORT"] or None,
        dbname=database["NAME"],
        user=database["USER"] or None,
        password=database["PASSWORD"] or None,
        application_name="consent-portal-poll",
        connect_timeout=2,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
    )


class Application:
    """Routes each scope; one instance a process."""

    def __init__(self) -> None:
        self.knowledge = Knowledge(database_address())
        self.poll = poll.PolicyPoll(self.knowledge)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            is_poll = scope["path"] == poll.PATH and scope["method"] == "GET"
            answer: Answer = self.poll if is_poll else limited_pages
            await answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

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


application = Application()
