"""Where a ZIP is written to: pieces that are sealed and stored as they come, none in the clear."""

import io
from typing import Any

from django.views.decorators.debug import sensitive_variables

from consent_app.access.models import CopyPart, DataCopy
from portal.lib import sealing

PART_BYTES = 1024 * 1024


class SealedParts(io.RawIOBase):
    """A file that can only be written, once, from its beginning. Call `finish` in the end."""

    def __init__(self, copy: DataCopy) -> None:
        self._copy = copy
        self._pending = bytearray()
        self.count = 0
        self.size = 0

    def writable(self) -> bool:
        return True

    @sensitive_variables()
    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._pending += piece
        self.size += len(piece)
        while len(self._pending) >= PART_BYTES:
            self._store(PART_BYTES)
        return len(piece)

    def finish(self) -> None:
        """Store what has not filled a part."""
        if self._pending:
            self._store(len(self._pending))

    @sensitive_variables()
    def _store(self, length: int) -> None:
        content = bytes(self._pending[:length])
        del self._pending[:length]
        key, purpose = bytes(self._copy.sealing_key or b""), self._copy.purpose(self.count)
        sealed = sealing.seal(key, content, purpose=purpose)
        CopyPart.objects.create(copy=self._copy, number=self.count, content=sealed)
        self.count += 1
