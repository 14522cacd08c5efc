"""Answers questions that come while others are being read by one read for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

# Keys of one read, reads at once, and keys that may wait for one: some seconds of work.
MOST_TOGETHER = 500
READERS = 2
MOST_ASKED = 50_000


class TooMany(Exception):
    """More questions wait for the database than it could answer in time."""


@dataclass(slots=True, eq=False)
class _Batch[K, V]:
    keys: set[K] = field(default_factory=set)
    read: "asyncio.Task[Mapping[K, V]] | None" = None


class ReadsTogether[K, V]:
    """`read_all` takes the keys and returns what it found of them.

    A lone question is read at once; those that come while READERS are busy are read together.
    """

    def __init__(self, read_all: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read_all = read_all
        self._readers = asyncio.Semaphore(READERS)
        self._collecting: _Batch[K, V] | None = None
        self._asked = 0

    async def read(self, key: K) -> V | None:
        """Return what a read that began after this call finds; None if there is nothing.

        Raises:
            TooMany: MOST_ASKED others wait.
        """
        batch = self._collecting
        if batch is None or (key not in batch.keys and len(batch.keys) >= MOST_TOGETHER):
            if self._asked >= MOST_ASKED:
                raise TooMany
            batch = self._collecting = _Batch()
            batch.read = asyncio.create_task(self._read(batch))
        if key not in batch.keys:
            batch.keys.add(key)
            self._asked += 1
        # Whoever goes away must not take the others' read along.
        assert batch.read is not None  # noqa: S101 (made together with the batch)
        return (await asyncio.shield(batch.read)).get(key)

    async def _read(self, batch: _Batch[K, V]) -> Mapping[K, V]:
        async with self._readers:
            if self._collecting is batch:
                self._collecting = None
            try:
                return await self._read_all(list(batch.keys))
            finally:
                self._asked -= len(batch.keys)
