"""PostgreSQL and Valkey from wheels, for the demo, the tests and a developer's commands.

Used only where `DATABASE_URL` (or `CELERY_BROKER_URL`) is not set; production names its own
servers. Knows nothing of Django: it runs before the settings are read and hands them addresses
through the environment.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.valkey import EmbeddedValkey

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_FOLDER = Path(os.environ.get("VAR_DIR") or REPOSITORY / "var").resolve()


@contextmanager
def embedded_services(
    folder: Path = DEFAULT_FOLDER, *, broker: bool = False, durable: bool = True
) -> Iterator[None]:
    """Set the addresses of the servers in the environment; start those that are not named there.

    A server that already runs from `folder` (the demo in another window, say) is used and left
    running. `durable=False` trades safety at a power cut for speed: for tests only.
    """
    with ExitStack() as stack:
        if not os.environ.get("DATABASE_URL") and _may_embed():
            postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", durable=durable))
            os.environ["DATABASE_URL"] = postgres.url("portal")
            os.environ["DATABASE_OWNER_URL"] = postgres.url("owner")
        if broker and not os.environ.get("CELERY_BROKER_URL") and _may_embed():
            valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
            os.environ["CELERY_BROKER_URL"] = valkey.url
        yield


def _may_embed() -> bool:
    """Whether this is not production, which must name its servers or fails loudly."""
    return os.environ.get("PORTAL_MODE", "development") != "production"
