"""Signs the head of the log, and the way to it from heads that somebody kept. None is stored."""

from collections.abc import Iterable

from django.utils import timezone

from consent_agent.protocol.history import Head, History, write_checkpoint, write_history
from consent_app.audit import queries
from portal.lib.keys import published_keys, signing_key

MOST_SIZES = 20


def checkpoint_of(head: Head) -> str:
    """Return the head signed, one line to keep where nobody here can write.

    Raises:
        KeysMissing: the checkpoint key is not here.
    """
    return write_checkpoint(head, key=signing_key("checkpoint"))


def history_since(sizes: Iterable[int]) -> bytes:
    """Return the file that leads from each size that the log had to what it is now.

    Raises:
        IndexError: the log never had that many entries, or more than MOST_SIZES were asked for.
        KeysMissing: the checkpoint key is not here.
    """
    wanted = sorted(set(sizes))
    if len(wanted) > MOST_SIZES:
        raise IndexError(f"no more than {MOST_SIZES} at once")
    head = head_now()
    paths = {size: tuple(queries.consistency_proof(size, head.size)) for size in wanted}
    return write_history(
        History(head, paths), key=signing_key("checkpoint"), published=published_keys()
    )


def head_now() -> Head:
    head = queries.tree_head()
    return Head(head.size, head.root, timezone.now())
