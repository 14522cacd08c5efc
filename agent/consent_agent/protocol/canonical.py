"""JSON as the protocol writes and reads it, and names for bytes.

Writing is canonical (RFC 8785), so the same facts are the same bytes. Reading is strict, because
two parsers that disagree about one document are a way around its signature. The meaning of the
members is left to `documents` and `matching`.
"""

import hashlib
import json
import math
from collections.abc import Sequence

import rfc8785

from consent_agent.protocol.errors import DocumentRefused

MAX_NESTING = 16


class DuplicateMember(ValueError):
    """An object names a member twice; which one counts is up to the reader, so neither does."""


def canonical_json(value: object) -> bytes:
    """Serialise by RFC 8785.

    Raises:
        ValueError: `value` has no canonical form (NaN, an integer beyond 2**53, another type).
    """
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # checked while it serialises


def content_digest(data: bytes) -> str:
    """Return `sha256:<hex>`, the name of `data` in documents and URLs."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parse_json(data: bytes) -> object:
    """Read one strict JSON document (I-JSON, RFC 7493, with a limit on nesting).

    Raises:
        DocumentRefused: `bad_json` for anything but UTF-8 without BOM, duplicate members, numbers
            that are not finite, lone surrogates, nesting beyond MAX_NESTING, trailing bytes.
    """
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
        )
        _check_values(value)
    except (ValueError, RecursionError) as error:
        # The parser's message may quote the document, and refusals are reported: keep it out.
        raise DocumentRefused("bad_json", type(error).__name__) from None
    return value


def _unique_members(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DuplicateMember
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _check_values(value: object) -> None:
    """Go through `value` level by level: a recursive walk is what deep nesting would break."""
    level = [value]
    for _ in range(MAX_NESTING):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                item.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
        if not below:
            return
        level = below
    raise ValueError("nested too deeply")
