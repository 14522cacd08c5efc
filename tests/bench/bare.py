"""The least that a handler can do under the same server: what the poll is compared with."""

from collections.abc import Awaitable, Callable
from typing import Any

ETAG = '"1"'


class Application:
    """Answers 304 to everything, by ASGI and by granian's own RSGI."""

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http":
            headers = [(b"etag", ETAG.encode())]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    async def __rsgi__(self, _scope: Any, protocol: Any) -> None:
        protocol.response_empty(304, [("etag", ETAG)])


application = Application()
