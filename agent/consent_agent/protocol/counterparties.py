"""The filter of people whose communication is protected: a Bloom filter over keyed hashes.

It tells whether an address may be among those protected, and not who they are; where it errs, it
takes a stranger for one of them, and less is captured. An entry is an address
(`mira@example.com`) or a whole domain (`@example.eu`). Whoever has the filter can try addresses
on it: the key keeps two filters from being compared, and nothing more.

An entry's places are made of HMAC-SHA256(key, entry): with h1 its first 8 bytes and h2 its next 8
(both big-endian, h2 made odd), the i-th place is (h1 + i * h2) mod bits. Place p is bit p & 7 of
byte p >> 3. Building a filter is left to the portal, what an answer means to `circumstances`.
Source: docs/agent-protocol.md, section 5.
"""

import hmac
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import decode_base64url
from consent_agent.protocol.matching import normal_host
from consent_agent.protocol.members import Members

SCHEMA: Final = "counterparties/1"
HASH: Final = "hmac-sha256"
KEY_BYTES: Final = 32
# base64url of so many bits is just below 4 MiB, which no document may exceed.
MAX_BITS: Final = 24 * 1024 * 1024
MAX_HASHES: Final = 32
# Source: RFC 5321, section 4.5.3.1 (64 octets, "@", 255 octets).
MAX_ADDRESS_LENGTH: Final = 320

# One address and nothing around it: no display name, no list, no quoted local part.
_LOCAL_PART = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f\ud800-\udfff]*")


def normalise_email(address: str) -> str:
    """Return the one form of an address under which everybody is known, here and in the portal.

    Source: Unicode, UAX 15 and the Unicode Standard 3.13 (NFKC, full case folding).
    """
    folded = unicodedata.normalize("NFKC", address.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def normalise_entry(text: str) -> str | None:
    """Return the form in which an address, or a domain (`@example.eu`), stands in a filter.

    That of `normalise_email`, with the domain as A-labels. None for what is neither.
    """
    local, at, domain = normalise_email(text).rpartition("@")
    host = normal_host(domain)
    if not at or host is None or not _LOCAL_PART.fullmatch(local):
        return None
    entry = f"{local}@{host}"
    return entry if len(entry) <= MAX_ADDRESS_LENGTH else None


def places(entry: str, *, key: bytes, bits: int, hashes: int) -> Iterator[int]:
    """Yield the numbers of the bits that a normalised entry sets."""
    digest = hmac.digest(key, entry.encode(), "sha256")
    first = int.from_bytes(digest[:8])
    step = int.from_bytes(digest[8:16]) | 1
    return ((first + number * step) % bits for number in range(hashes))


@dataclass(frozen=True, slots=True, repr=False)
class CounterpartyFilter:
    """Who must not be captured, as far as anybody may know."""

    key: bytes
    bits: int
    hashes: int
    filled: bytes

    @classmethod
    def from_document(cls, document: bytes) -> Self:
        """Read the bytes of a filter document, `counterparties/1`.

        Raises:
            DocumentRefused: `bad_filter`: any part of it could not be applied.
        """
        try:
            return cls._read(Members(parse_json(document)))
        except DocumentRefused as refusal:
            raise DocumentRefused("bad_filter", refusal.detail) from None

    @classmethod
    def _read(cls, members: Members) -> Self:
        if members.text_or_none("schema") != SCHEMA or members.text_or_none("hash") != HASH:
            raise DocumentRefused("bad_filter", "schema or hash")
        bits = members.integer("bits", low=8, high=MAX_BITS)
        return cls(
            key=_bytes(members, "key", length=KEY_BYTES),
            bits=bits,
            hashes=members.integer("hashes", low=1, high=MAX_HASHES),
            filled=_bytes(members, "filter", length=(bits + 7) // 8),
        )

    def holds(self, entry: str) -> bool:
        """Say whether a normalised entry may be in the filter; "no" is certain."""
        return all(
            self.filled[place >> 3] >> (place & 7) & 1
            for place in places(entry, key=self.key, bits=self.bits, hashes=self.hashes)
        )

    def protects(self, address: str) -> bool | None:
        """Say whether an address, its domain or a domain above it is in the filter.

        None for what is no address: nothing can be said about whom it stands for.
        """
        entry = normalise_entry(address)
        if entry is None or entry.startswith("@"):
            return None
        return self.holds(entry) or any(map(self.holds, domains_of(entry)))


def domains_of(entry: str) -> Iterator[str]:
    """Yield the entries that protect an address, but for its own: its domain and those above."""
    domain = entry.rpartition("@")[2]
    while domain:
        yield f"@{domain}"
        domain = domain.partition(".")[2]


def _bytes(members: Members, name: str, *, length: int) -> bytes:
    try:
        data = decode_base64url(members.text(name))
    except ValueError:
        raise DocumentRefused("bad_filter", name) from None
    if len(data) != length:
        raise DocumentRefused("bad_filter", name)
    return data
