"""Reads the members of a JSON object, each strictly by its type."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.times import parse_time

# The largest integer that RFC 8785 and RFC 7493 can carry.
MAX_VERSION: Final = 2**53 - 1

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class Members:
    """The members of one JSON object, each read with the type it must have.

    Every method raises DocumentRefused: `bad_version` for versions, `bad_field` for the rest.
    """

    def __init__(self, value: object, name: str = "document") -> None:
        if not isinstance(value, dict):
            raise DocumentRefused("bad_field", name)
        self._members: Mapping[str, object] = value

    def text(self, name: str) -> str:
        value = self._members.get(name)
        if not isinstance(value, str) or not value:
            raise DocumentRefused("bad_field", name)
        return value

    def text_or_none(self, name: str) -> str | None:
        """Read text that may be empty, null or absent; the last three are None."""
        return None if self._members.get(name) in (None, "") else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_text_item(item, name) for item in self._items(name))

    def texts_or_all(self, name: str) -> frozenset[str] | None:
        """Read a list of names; absent or null means all, and empty is refused as unclear."""
        if self._members.get(name) is None:
            return None
        names = frozenset(self.texts(name))
        if not names:
            raise DocumentRefused("bad_field", name)
        return names

    def flag(self, name: str) -> bool:
        value = self._members.get(name)
        if not isinstance(value, bool):
            raise DocumentRefused("bad_field", name)
        return value

    def integer(self, name: str, *, low: int, high: int) -> int:
        value = self._members.get(name)
        if type(value) is not int or not low <= value <= high:  # not bool, which is an int too
            raise DocumentRefused("bad_field", name)
        return value

    def integer_or_absent(self, name: str, *, low: int, high: int) -> int | None:
        """Read a whole number; None without one, and null is refused."""
        return self.integer(name, low=low, high=high) if name in self._members else None

    def text_or_absent(self, name: str) -> str | None:
        """Read text that is not empty; None without one, and null is refused."""
        return self.text(name) if name in self._members else None

    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def version(self, name: str) -> int:
        try:
            return self.integer(name, low=1, high=MAX_VERSION)
        except DocumentRefused:
            raise DocumentRefused("bad_version", name) from None

    def time(self, name: str) -> datetime:
        try:
            return parse_time(self.text(name))
        except ValueError:
            raise DocumentRefused("bad_field", name) from None

    def time_or_none(self, name: str) -> datetime | None:
        """Read a time that may be null; it must be there."""
        if name not in self._members:
            raise DocumentRefused("bad_field", name)
        return None if self._members[name] is None else self.time(name)

    def digest(self, name: str) -> str:
        value = self.text(name)
        if not _DIGEST.fullmatch(value):
            raise DocumentRefused("bad_field", name)
        return value

    def digest_or_none(self, name: str) -> str | None:
        """Read a digest that may be null; it must be there."""
        if name not in self._members:
            raise DocumentRefused("bad_field", name)
        return None if self._members[name] is None else self.digest(name)

    def number(self, name: str) -> float:
        value = self._members.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DocumentRefused("bad_field", name)
        return float(value)

    def mapping(self, name: str) -> Mapping[str, object]:
        value = self._members.get(name)
        if not isinstance(value, dict):
            raise DocumentRefused("bad_field", name)
        return value

    def nested(self, name: str) -> "Members":
        return Members(self._members.get(name), name)

    def nested_or_none(self, name: str) -> "Members | None":
        return None if self._members.get(name) is None else self.nested(name)

    def each[T](self, name: str, read: Callable[["Members"], T]) -> tuple[T, ...]:
        return tuple(read(Members(item, name)) for item in self._items(name))

    def _items(self, name: str) -> list[object]:
        value = self._members.get(name)
        if not isinstance(value, list):
            raise DocumentRefused("bad_field", name)
        return value


def _text_item(item: object, name: str) -> str:
    if not isinstance(item, str) or not item:
        raise DocumentRefused("bad_field", name)
    return item
