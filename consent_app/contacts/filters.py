"""Builds the filter that devices ask. Pure but for the library; reading it is the agent's.

How many bits and hashes there are follows from the number of entries alone. The rate of errors
holds for one question; a device asks one for the address and one for each level of its domain, so
that of a whole address is at most 0.1 per cent up to nine levels.
Source: docs/policy.md, section 11.
"""

from collections.abc import Collection

from probables import BloomFilter

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.counterparties import HASH, SCHEMA, places
from consent_agent.protocol.jws import encode_base64url

ERRORS_PER_QUESTION = 0.0001
# Below this many, the size of a filter says nothing.
FEWEST_SIZED_FOR = 1_000
# Beyond, a filter would exceed 4 MiB; it keeps its size, and errs (that is, suppresses) more often.
MOST_SIZED_FOR = 1_250_000


def build_document(entries: Collection[str], *, key: bytes) -> bytes:
    """Return the canonical bytes of a filter over normalised entries, `counterparties/1`."""
    held = BloomFilter(
        est_elements=min(max(len(entries), FEWEST_SIZED_FOR), MOST_SIZED_FOR),
        false_positive_rate=ERRORS_PER_QUESTION,
    )
    for entry in entries:
        held.add_alt(list(places(entry, key=key, bits=held.number_bits, hashes=held.number_hashes)))
    return canonical_json(
        {
            "schema": SCHEMA,
            "key": encode_base64url(key),
            "hash": HASH,
            "bits": held.number_bits,
            "hashes": held.number_hashes,
            "filter": encode_base64url(bytes(held.bloom)),
        }
    )
