"""Signs and verifies messages between portal and stores after the Standard Webhooks convention.

Three headers: `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`, one or more
`v1,<base64 of HMAC-SHA256>` apart by spaces, over `<id>.<timestamp>.<body>` as sent. A key is
written `whsec_<base64>`. Verified are: the form of all three, the time, then the signature in
constant time, by any of the keys given. Source: github.com/standard-webhooks, specification 1.0.
"""

import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.views.decorators.debug import sensitive_variables

from consent_app.erasure.errors import SignatureInvalid, TimestampOutOfRange

TOLERANCE = timedelta(minutes=5)
KEY_PREFIX = "whsec_"
KEY_BYTES = 32
MESSAGE_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,120}")  # printable, no space, no full stop
TIMESTAMP = re.compile(r"[0-9]{1,12}")
MOST_SIGNATURES = 8


@sensitive_variables()
def new_key() -> str:
    return written_key(os.urandom(KEY_BYTES))


@sensitive_variables()
def written_key(key: bytes) -> str:
    """Return a key as people copy it."""
    return KEY_PREFIX + b64encode(key).decode()


@sensitive_variables()
def read_key(written: str) -> bytes:
    """Raises ValueError: it is no key."""
    return b64decode(written.removeprefix(KEY_PREFIX), validate=True)


@sensitive_variables()
def signed_headers(
    body: bytes, *, message_id: str, at: datetime, keys: Sequence[bytes]
) -> dict[str, str]:
    """Return the three headers, with a signature by each key."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(
            f"v1,{b64encode(_mac(key, message_id, timestamp, body)).decode()}" for key in keys
        ),
    }


@sensitive_variables()
def verify(body: bytes, headers: Mapping[str, str], *, keys: Sequence[bytes], at: datetime) -> str:
    """Return the id of a message that one of `keys` signed; `headers` by lower-case name.

    Raises:
        SignatureInvalid: a header is missing or malformed, or no signature is right.
        TimestampOutOfRange: it is too old, or too far ahead.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not MESSAGE_ID.fullmatch(message_id) or not TIMESTAMP.fullmatch(timestamp):
        raise SignatureInvalid
    if abs(at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise TimestampOutOfRange
    given = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
    expected = [b"v1," + b64encode(_mac(key, message_id, timestamp, body)) for key in keys]
    if not any(hmac.compare_digest(one, other.encode()) for one in expected for other in given):
        raise SignatureInvalid
    return message_id


def _mac(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
