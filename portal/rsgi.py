"""Serves the policy poll alone, for production: by granian's own interface, faster than ASGI.

All else belongs to `portal/wsgi.py`; docs/operations.md has the lines of nginx that part them.
"""

import asyncio
import gc
import os
from functools import partial
from typing import Any, Protocol

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

# E402: what follows needs the settings and the loaded applications.
from consent_app.devices.knowledge import Knowledge  # noqa: E402
from consent_app.devices.poll import PATH, Answer, PolicyPoll, Question, problem  # noqa: E402
from portal.environment import process_name  # noqa: E402
from portal.lib.client_address import nearest_address  # noqa: E402
from portal.lib.database_address import database_address  # noqa: E402
from portal.lib.keys import refuse_programme_key  # noqa: E402

refuse_programme_key()

# So many more objects before reference cycles among them are looked for: 100 MB at most.
CYCLES_AFTER = 500_000


class HTTPProtocol(Protocol):
    """What is used of granian's protocol object."""

    async def client_disconnect(self) -> None: ...
    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class Application:
    """One instance a process."""

    def __init__(self) -> None:
        self.knowledge = Knowledge(database_address(process_name("poll")))
        self.poll = PolicyPoll(self.knowledge)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.knowledge.start())
        # Collecting garbage looks through everything, for a third of a second where 20,000 wait,
        # and everybody waits for it. Answers leave no reference cycles, so it may begin late.
        gc.collect()
        gc.freeze()
        gc.set_threshold(CYCLES_AFTER)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.knowledge.stop())

    async def __rsgi__(self, scope: Any, protocol: HTTPProtocol) -> None:
        answer: Answer | None
        if scope.path == PATH and scope.method == "GET":
            question = _question(scope)
            answer = self.poll.answer_at_once(question)
            if answer is None:
                answer = await self.poll.answer(question, gone=protocol.client_disconnect)
            if answer is None:
                return
        else:
            answer = self._answer_other(scope.path, scope.method)
        if answer.body:
            protocol.response_bytes(answer.status, answer.headers, answer.body)
        else:
            protocol.response_empty(answer.status, answer.headers)

    def _answer_other(self, path: str, method: str) -> Answer:
        if path == PATH:
            refused = problem(405, "method_not_allowed")
            refused.headers.append(("allow", "GET"))
            return refused
        if path == "/health" and method == "GET":
            if not self.knowledge.is_listening:
                return problem(503, "unavailable", retry=True)
            return Answer(200, [("content-type", "application/json")], b'{"status": "ok"}')
        return problem(404, "not_found")


def _question(scope: Any) -> Question:
    header = scope.headers.get
    return Question(
        header("authorization", ""),
        partial(_address, scope),
        header("if-none-match", ""),
        header("prefer", ""),
        header("agent-run", ""),
    )


def _address(scope: Any) -> str:
    connected = scope.client.rpartition(":")[0].strip("[]")
    return nearest_address(scope.headers.get("x-forwarded-for", ""), connected)


application = Application()
